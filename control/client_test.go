package control

import (
	"bufio"
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"
)

// fakeServer returns a connection to a server that plays a script: it expects
// the lines that begin with "C: " and says the others. A line "C: EOF" expects
// the end of input, "…" at the end of what it says stands for no newline. When
// the script has ended, it hangs up.
func fakeServer(t *testing.T, script ...string) duplexConn {
	t.Helper()
	ours, theirs := memPair()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		defer theirs.Close()
		in := bufio.NewReader(theirs)
		for _, step := range script {
			want, expect := strings.CutPrefix(step, "C: ")
			if !expect {
				text, open := strings.CutSuffix(step, "…")
				if !open {
					text += "\n"
				}
				io.WriteString(theirs, text)
				continue
			}
			got, err := in.ReadString('\n')
			if err == io.EOF {
				got += "EOF\n"
			}
			if got != want+"\n" {
				t.Errorf("the client sent %q (%v), want %q", got, err, want)
				return
			}
		}
	}()
	t.Cleanup(func() {
		ours.Close()
		<-ended
	})
	return ours
}

const greeting = "Receptor Control, node foo"

// fakeClient is a Client of a fakeServer that greets as it should.
func fakeClient(t *testing.T, script ...string) *Client {
	t.Helper()
	c, _, err := NewClient(fakeServer(t, append([]string{greeting}, script...)...))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestGreeting(t *testing.T) {
	for _, tt := range []struct{ greeting, wantID, wantErr string }{
		{greeting: greeting, wantID: "foo"},
		{greeting: greeting + "\r", wantID: "foo"},
		{greeting: "…", wantErr: "unexpected EOF"},
		{greeting: "Receptor Control, node ", wantErr: "not a control service"},
		{greeting: "SSH-2.0-OpenSSH_9.6", wantErr: `not a control service: its greeting should be "Receptor Control, node " and a node ID, but is "SSH-2.0-OpenSSH_9.6"`},
		{greeting: strings.Repeat("\xff", 1000), wantErr: `xff"…`},
		{greeting: "ERROR: go away", wantErr: "go away"},
		{greeting: "ERROR:", wantErr: "read the greeting"},
	} {
		_, id, err := NewClient(fakeServer(t, tt.greeting))
		if id != tt.wantID {
			t.Errorf("%q: node %q", tt.greeting, id)
		}
		checkError(t, tt.greeting, err, tt.wantErr)
	}
}

func TestDo(t *testing.T) {
	for _, tt := range []struct{ answer, want, wantErr string }{
		{answer: `{"Success":true}`, want: `{"Success":true}`},
		{answer: `{"Success":true}…`, want: `{"Success":true}`},
		{answer: "ERROR: no ping target", wantErr: "no ping target"},
		{answer: "ERROR:…", wantErr: ""},
		{answer: "", wantErr: `the answer of the node is not JSON: ""`},
		{answer: `{"Succ…`, wantErr: "the answer of the node is not JSON"},
		{answer: "…", wantErr: "read the answer of the node: unexpected EOF"},
	} {
		got, err := fakeClient(t, "C: ping b", tt.answer).Do("ping b")
		if string(got) != tt.want {
			t.Errorf("%q: got %s", tt.answer, got)
		}
		var remote *RemoteError
		if want := strings.HasPrefix(tt.answer, "ERROR:"); errors.As(err, &remote) != want {
			t.Errorf("%q: error %v, want a RemoteError: %v", tt.answer, err, want)
		}
		if remote == nil || tt.wantErr != "" {
			checkError(t, tt.answer, err, tt.wantErr)
		}
	}
}

func TestDoSendsOneLine(t *testing.T) {
	c := fakeClient(t, "C: EOF")
	_, err := c.Do("ping b\nwork release X")
	checkError(t, "two lines", err, "must be a single line")
	c.conn.(duplexConn).CloseWrite()
}

func TestDoJSON(t *testing.T) {
	c := fakeClient(t, `C: {"command":"ping","target":"b\nc"}`, `{"Success":false}`)
	if got, err := c.DoJSON(map[string]any{"command": "ping", "target": "b\nc"}); err != nil || string(got) != `{"Success":false}` {
		t.Errorf("got %s, %v", got, err)
	}
	_, err := c.DoJSON(map[string]any{"command": make(chan int)})
	checkError(t, "a channel", err, "encode the control command")
}

const (
	submitLine = `C: {"command":"work","node":"b","p":"v","subcommand":"submit","worktype":"cat"}`
	createdX   = "Work unit created with ID X. Send stdin data and EOF."
)

func TestSubmit(t *testing.T) {
	for _, tt := range []struct {
		name      string
		script    []string
		submitErr string
		finishErr string
		want      string
	}{
		{name: "started", script: []string{createdX, "C: hello", "C: EOF", `{"unitid":"X","result":"Job Started"}`}, want: "Job Started"},
		{name: "refused", script: []string{"ERROR: unknown work type cat"}, submitErr: "unknown work type cat"},
		{name: "garbled", script: []string{"Work unit created"}, submitErr: "the answer should name the ID"},
		{name: "no ID", script: []string{"Work unit created with ID . Send stdin data and EOF."}, submitErr: "the answer should name the ID"},
		{name: "no dot", script: []string{"Work unit created with ID X"}, submitErr: "the answer should name the ID"},
		{name: "broken", script: []string{"Work…"}, submitErr: "the answer should name the ID"},
		{name: "gone", submitErr: "unexpected EOF"},
		{name: "failed at the end", script: []string{createdX, "C: hello", "C: EOF", "ERROR: disk full"}, finishErr: "disk full"},
		{name: "gone before stdin", script: []string{createdX}, finishErr: "send stdin of unit X"},
		{name: "gone before the answer", script: []string{createdX, "C: hello", "C: EOF"}, finishErr: "read the answer of the node: unexpected EOF"},
		{name: "garbled answer", script: []string{createdX, "C: hello", "C: EOF", `[1]`}, finishErr: `work submit: "[1]" is no answer`},
		{name: "no JSON", script: []string{createdX, "C: hello", "C: EOF", `Job Started`}, finishErr: "not JSON"},
		{name: "other unit", script: []string{createdX, "C: hello", "C: EOF", `{"unitid":"Y","result":"Job Started"}`}, finishErr: `about unit "Y" instead of "X"`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := fakeClient(t, append([]string{submitLine}, tt.script...)...)
			sub, err := c.Submit(map[string]string{"node": "b", "worktype": "cat", "p": "v"})
			checkError(t, "Submit", err, tt.submitErr)
			if err != nil {
				return
			}
			if sub.UnitID != "X" {
				t.Errorf("unit %q", sub.UnitID)
			}
			got, err := sub.Finish(strings.NewReader("hello\n"))
			checkError(t, "Finish", err, tt.finishErr)
			if got != tt.want {
				t.Errorf("result %q, want %q", got, tt.want)
			}
		})
	}
}

func TestSubmitLeavesTheFieldsAlone(t *testing.T) {
	fields := map[string]string{"node": "b", "worktype": "cat", "p": "v"}
	if _, err := fakeClient(t, submitLine, createdX).Submit(fields); err != nil {
		t.Fatal(err)
	}
	if len(fields) != 3 {
		t.Errorf("Submit changed the fields: %v", fields)
	}
}

// A payload that cannot be read to its end must not look complete to the node.
func TestFinishWithBrokenStdin(t *testing.T) {
	c := fakeClient(t, submitLine, createdX, "C: hello", "C: more", "still open")
	sub, err := c.Submit(map[string]string{"node": "b", "worktype": "cat", "p": "v"})
	if err != nil {
		t.Fatal(err)
	}
	_, err = sub.Finish(io.MultiReader(strings.NewReader("hello\n"), iotest.ErrReader(io.ErrNoProgress)))
	if !errors.Is(err, ErrStdin) || !errors.Is(err, io.ErrNoProgress) {
		t.Errorf("error %v", err)
	}
	if _, err := c.Do("more"); err == nil || !strings.Contains(err.Error(), "still open") {
		t.Errorf("after it: %v", err)
	}
}

// A node that refuses the rest of stdin is heard, over real sockets and with
// more data than they buffer.
func TestFinishHearsWhyTheNodeStoppedReading(t *testing.T) {
	n := newNode(t, Options{})
	n.Handle("work", func(_ context.Context, _ *Request, s Session) (any, error) {
		if _, err := io.WriteString(s, createdX+"\n"); err != nil {
			return nil, err
		}
		if _, err := s.Read(make([]byte, 10)); err != nil {
			return nil, err
		}
		return nil, errors.New("disk full")
	})
	sub, err := n.client().Submit(nil)
	if err != nil {
		t.Fatal(err)
	}
	_, err = sub.Finish(strings.NewReader(strings.Repeat("x", 1<<20)))
	if remote := (*RemoteError)(nil); !errors.As(err, &remote) || remote.Text != "disk full" {
		t.Errorf("error %v", err)
	}
}

func TestResults(t *testing.T) {
	const request = `C: {"command":"work","startpos":7,"subcommand":"results","unitid":"X"}`
	for _, tt := range []struct {
		name    string
		script  []string
		want    string
		wantErr string
	}{
		{name: "some", script: []string{"Streaming results for work unit X", "a\r\nERROR: b…"}, want: "a\r\nERROR: b"},
		{name: "none", script: []string{"Streaming results for work unit X"}},
		{name: "unknown unit", script: []string{"ERROR: unknown work unit X"}, wantErr: "unknown work unit X"},
		{name: "other unit", script: []string{"Streaming results for work unit Y"}, wantErr: "should announce unit X"},
		{name: "gone", wantErr: "unexpected EOF"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r, err := fakeClient(t, append([]string{request}, tt.script...)...).Results("X", 7)
			checkError(t, "Results", err, tt.wantErr)
			if err != nil {
				return
			}
			if got, err := io.ReadAll(r); err != nil || string(got) != tt.want {
				t.Errorf("got %q, %v", got, err)
			}
		})
	}
}

func TestConnectErrors(t *testing.T) {
	const request = `C: {"command":"connect","node":"b","service":"control","tls":""}`
	for answer, want := range map[string]string{
		"ERROR: no route": "no route", "Hello": `should be Connecting, but is "Hello"`, "…": "unexpected EOF",
	} {
		_, err := fakeClient(t, request, answer).Connect("b", "control", "")
		checkError(t, answer, err, want)
	}
}

// A control service behind another one is talked to like the first.
func TestClientOverConnect(t *testing.T) {
	c := fakeClient(t, `C: {"command":"connect","node":"b","service":"control","tls":"x"}`,
		"Connecting", "Receptor Control, node b", "C: ping b", `{"Success":true}`, "C: rest", "C: EOF")
	stream, err := c.Connect("b", "control", "x")
	if err != nil {
		t.Fatal(err)
	}
	far, id, err := NewClient(stream)
	if err != nil || id != "b" {
		t.Fatalf("node %q, error %v", id, err)
	}
	if _, err := far.Do("ping b"); err != nil {
		t.Error(err)
	}
	if _, err := io.WriteString(stream, "rest\n"); err != nil {
		t.Error(err)
	}
	if err := stream.CloseWrite(); err != nil {
		t.Error(err)
	}
	if _, err := far.Do("ping b"); err == nil {
		t.Error("the stream can be written to after CloseWrite")
	}
}
