package control

import (
	"bufio"
	"encoding/json"
	"errors"
	"io"
	"reflect"
	"strings"
	"testing"
	"testing/iotest"
)

func TestParseRequest(t *testing.T) {
	for _, tt := range []struct {
		line    string
		want    *Request
		wantErr string
	}{
		{line: ""},
		{line: " \t "},
		{line: "status", want: &Request{Command: "status", Args: []string{}}},
		{line: "STATUS ", want: &Request{Command: "status", Args: []string{}}},
		{line: "Connect A Control", want: &Request{Command: "connect", Args: []string{"A", "Control"}}},
		{line: "work submit n sh a  b", want: &Request{Command: "work", Args: []string{"submit", "n", "sh", "a", "", "b"}}},
		{line: "[1]", want: &Request{Command: "[1]", Args: []string{}}},
		{line: `{"command":"Ping","target":"B"}`, want: &Request{Command: "ping", Fields: map[string]any{"command": "Ping", "target": "B"}}},
		{
			line: `{"command":"work","startpos":9007199254740993}`,
			want: &Request{Command: "work", Fields: map[string]any{"command": "work", "startpos": json.Number("9007199254740993")}},
		},
		{line: `{"command":""}`, want: &Request{Fields: map[string]any{"command": ""}}},
		{line: "{", wantErr: "malformed JSON command: unexpected EOF"},
		{line: `{"command":"status"`, wantErr: "malformed JSON command: unexpected EOF"},
		{line: `{"command":"status"} x`, wantErr: "more on the line"},
		{line: `{"command":"status"}{}`, wantErr: "more on the line"},
		{line: `{}`, wantErr: "JSON did not contain a command"},
		{line: `{"command":null}`, wantErr: "command must be a string"},
		{line: `{"command":["status"]}`, wantErr: "command must be a string"},
		{line: "{\"command\":\"\xff\"}", want: &Request{Command: "\ufffd", Fields: map[string]any{"command": "\ufffd"}}},
	} {
		got, err := parseRequest([]byte(tt.line))
		if !reflect.DeepEqual(got, tt.want) {
			t.Errorf("%q: got %#v, want %#v", tt.line, got, tt.want)
		}
		checkError(t, tt.line, err, tt.wantErr)
	}
}

// checkError compares an error with a part of its text; "" means no error.
func checkError(t *testing.T, what string, err error, want string) {
	t.Helper()
	switch {
	case want == "" && err != nil:
		t.Errorf("%s: error %v, want none", what, err)
	case want != "" && (err == nil || !strings.Contains(err.Error(), want)):
		t.Errorf("%s: error %v, want %q", what, err, want)
	}
}

func TestReadLine(t *testing.T) {
	broken := errors.New("broken")
	for _, tt := range []struct {
		input   string
		fail    error // after the input; nil means EOF
		want    []string
		wantErr error
	}{
		{input: "", wantErr: io.EOF},
		{input: "a\n\nb\r\n", want: []string{"a", "", "b"}, wantErr: io.EOF},
		{input: "sta\rtus", want: []string{"status"}, wantErr: io.EOF},
		{input: strings.Repeat("x", 40) + "\n", want: []string{strings.Repeat("x", 40)}, wantErr: io.EOF},
		{input: strings.Repeat("x", 40), want: []string{strings.Repeat("x", 40)}, wantErr: io.EOF},
		{input: strings.Repeat("x", 41) + "\n", wantErr: errLineTooLong},
		{input: strings.Repeat("x", 41), wantErr: errLineTooLong},
		{input: "a\nwork rel", fail: broken, want: []string{"a"}, wantErr: broken},
	} {
		input := io.Reader(strings.NewReader(tt.input))
		if tt.fail != nil {
			input = io.MultiReader(input, iotest.ErrReader(tt.fail))
		}
		r := bufio.NewReaderSize(iotest.OneByteReader(input), 16)
		var got []string
		for {
			line, err := readLine(r, 40)
			if err != nil {
				if err != tt.wantErr {
					t.Errorf("%q: error %v, want %v", tt.input, err, tt.wantErr)
				}
				break
			}
			got = append(got, string(line))
		}
		if !reflect.DeepEqual(got, tt.want) {
			t.Errorf("%q: got %q, want %q", tt.input, got, tt.want)
		}
	}
}

func FuzzParseRequest(f *testing.F) {
	for _, seed := range []string{
		"", "status", "work submit localhost cat", "connect a control ", `{"command":"ping","target":"b"}`,
		`{"command":1}`, `{"command":"work","subcommand":"results","unitid":"x","startpos":1e400}`, "{", "{}}", "[", "\x00", "\xff \xff", "\t{",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, line []byte) {
		req, err := parseRequest(line)
		switch {
		case err != nil:
			if req != nil {
				t.Fatalf("a request beside the error %v", err)
			}
		case req == nil:
			if len(strings.Trim(string(line), " \t")) > 0 {
				t.Fatal("a line that is not empty is ignored")
			}
		default:
			if (req.Args == nil) == (req.Fields == nil) {
				t.Fatalf("want either Args or Fields: %#v", req)
			}
			if req.Command != strings.ToLower(req.Command) {
				t.Fatalf("command %q is not in lower case", req.Command)
			}
		}
	})
}
