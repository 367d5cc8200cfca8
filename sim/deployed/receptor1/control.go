package receptor1

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
)

// refusal is an answer as they write it.
type refusal string

func (r refusal) Error() string { return string(r) }

const errUnknown refusal = "Unknown command"

// session is a connection to the control service.
type session struct {
	d    *Daemon
	conn net.Conn
	in   *bufio.Reader
}

// session serves a connection until its client has ended it, or what it writes. The
// command that ends of itself with the connection is the last.
func (d *Daemon) session(conn net.Conn) {
	s := &session{d, conn, bufio.NewReader(conn)}
	defer conn.Close()
	if _, err := fmt.Fprintf(conn, "Receptor Control, node %s\n", d.id); err != nil {
		return
	}
	for {
		line, err := s.in.ReadString('\n')
		if err != nil && err != io.EOF {
			return
		}
		if line = strings.ReplaceAll(strings.TrimSuffix(line, "\n"), "\r", ""); line != "" {
			if s.answer(line) != nil {
				return
			}
		}
		if err == io.EOF {
			return
		}
	}
}

// answer carries out a command and writes what comes of it. The error is one of the
// connection.
func (s *session) answer(line string) error {
	result, err := s.carryOut(line)
	if err != nil {
		_, err = fmt.Fprintf(s.conn, "ERROR: %v\n", err)
		return err
	}
	if result == nil {
		return nil
	}
	b, err := json.Marshal(result)
	if err == nil {
		_, err = s.conn.Write(append(b, '\n'))
	}
	return err
}

// carryOut carries out a command. The answer nil is for one that has written its own.
func (s *session) carryOut(line string) (any, error) {
	fields := make(map[string]any)
	if line[0] != '{' {
		words := strings.Split(line, " ")
		if strings.ToLower(words[0]) != "work" {
			return nil, errUnknown
		}
		if err := workWords(words[1:], fields); err != nil {
			return nil, err
		}
		return s.work(fields)
	}
	if err := json.Unmarshal([]byte(line), &fields); err != nil {
		return nil, err
	}
	if fields["command"] != "work" {
		return nil, errUnknown
	}
	return s.work(fields)
}

// workWords turns the words of a work command into the fields that it has as JSON.
func workWords(words []string, fields map[string]any) error {
	if len(words) == 0 {
		return errors.New("no work subcommand")
	}
	names := map[string][]string{
		"submit": {"node", "worktype", "params"}, "list": {"unitid"}, "status": {"unitid"}, "cancel": {"unitid"},
		"release": {"unitid"}, "force-release": {"unitid"}, "results": {"unitid", "startpos"},
	}[words[0]]
	if words[0] == "results" && len(words) == 2 {
		words = append(words, "0")
	}
	fields["subcommand"] = words[0]
	for i, word := range words[1:] {
		if i >= len(names) {
			return fmt.Errorf("work %s takes no more than %d words", words[0], len(names))
		}
		fields[names[i]] = word
	}
	return nil
}

// text returns a field that must be there.
func text(fields map[string]any, name string) (string, error) {
	value, ok := fields[name]
	if !ok {
		return "", fmt.Errorf("field %s missing", name)
	}
	s, ok := value.(string)
	if !ok {
		return "", fmt.Errorf("field %s must be a string", name)
	}
	return s, nil
}
