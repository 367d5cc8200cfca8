package control

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
)

// MaxLine is the longest command line that a Server reads, in bytes and
// without the newline: room for a certificate chain or a kubeconfig in a work
// parameter, but not for a client that never sends a newline.
const MaxLine = 1 << 20

// errLineTooLong ends a session: where the next command starts is not known.
var errLineTooLong = errors.New("line too long")

// readLine returns the bytes up to the next newline, without it and without
// carriage returns, which the protocol ignores wherever they stand. The last
// line may lack its newline; after that the error is io.EOF. What precedes any
// other error is dropped: it may be the first half of a command.
func readLine(r *bufio.Reader, limit int) ([]byte, error) {
	var line []byte
	for {
		part, err := r.ReadSlice('\n')
		if len(line)+len(bytes.TrimSuffix(part, []byte{'\n'})) > limit {
			return nil, errLineTooLong
		}
		line = append(line, part...)
		switch {
		case err == nil, err == io.EOF && len(line) > 0:
			line = bytes.TrimSuffix(line, []byte{'\n'})
			if bytes.IndexByte(line, '\r') >= 0 {
				line = bytes.ReplaceAll(line, []byte{'\r'}, nil)
			}
			return line, nil
		case err != bufio.ErrBufferFull:
			return nil, err
		}
	}
}

// parseRequest decodes one command line in either form. An empty line is no
// request: nil without an error.
func parseRequest(line []byte) (*Request, error) {
	line = bytes.Trim(line, " \t")
	switch {
	case len(line) == 0:
		return nil, nil
	case line[0] == '{':
		return parseObject(line)
	}
	// Only single blanks separate words, so that the parameters of a unit of
	// work come out as they went in when they are joined again.
	words := strings.Split(string(line), " ")
	return &Request{Command: strings.ToLower(words[0]), Args: words[1:]}, nil
}

func parseObject(line []byte) (*Request, error) {
	dec := json.NewDecoder(bytes.NewReader(line))
	dec.UseNumber()
	var fields map[string]any
	if err := dec.Decode(&fields); err != nil {
		return nil, fmt.Errorf("malformed JSON command: %w", err)
	}
	if _, err := dec.Token(); err != io.EOF {
		return nil, errors.New("malformed JSON command: there is more on the line after the object")
	}
	value, ok := fields["command"]
	if !ok {
		return nil, errors.New("JSON did not contain a command")
	}
	command, ok := value.(string)
	if !ok {
		return nil, errors.New("command must be a string")
	}
	return &Request{Command: strings.ToLower(command), Fields: fields}, nil
}

// stringField returns a field of the JSON form, and whether it is there.
func (r *Request) stringField(name string) (value string, found bool, err error) {
	raw, found := r.Fields[name]
	if !found {
		return "", false, nil
	}
	value, ok := raw.(string)
	if !ok {
		return "", true, fmt.Errorf("%s %s must be string", r.Command, name)
	}
	return value, true, nil
}
