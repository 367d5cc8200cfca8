package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	"receptor/control"
	"receptor/internal/version"
	"receptor/transport"
)

// fakeNode is a control service whose commands answer what a test says. It
// records the requests, but for the one about the version.
type fakeNode struct {
	t      *testing.T
	server *control.Server
	socket string
	// answers has what a command answers with: a string is one line of JSON,
	// an error is one, a control.Handler does as it likes. The key is the
	// command, with the subcommand of work.
	answers map[string]any

	mu       sync.Mutex
	requests []string
}

func newFakeNode(t *testing.T, answers map[string]any) *fakeNode {
	t.Helper()
	n := &fakeNode{
		t: t, answers: answers,
		server: control.New("foo", control.Options{Clock: transport.System}),
		socket: filepath.Join(t.TempDir(), "s"),
	}
	for _, command := range []string{"status", "ping", "traceroute", "connect", "reload", "work"} {
		n.server.Handle(command, n.handle)
	}
	l, err := net.Listen("unix", n.socket)
	if err != nil {
		t.Fatal(err)
	}
	n.serve(l)
	t.Cleanup(n.server.Close)
	return n
}

func (n *fakeNode) serve(l net.Listener) {
	go func() {
		if err := n.server.Serve(l); err != nil {
			n.t.Errorf("Serve: %v", err)
		}
	}()
}

func (n *fakeNode) handle(ctx context.Context, req *control.Request, s control.Session) (any, error) {
	key := req.Command
	if sub, ok := req.Fields["subcommand"]; ok {
		key = fmt.Sprint(key, " ", sub)
	}
	if fields, ok := req.Fields["requested_fields"]; ok && fmt.Sprint(fields) == "[Version]" {
		key = "version"
	} else {
		n.record(req)
	}
	switch answer := n.answers[key].(type) {
	case string:
		return json.RawMessage(answer), nil
	case error:
		return nil, answer
	case control.Handler:
		return answer(ctx, req, s)
	case nil:
		if key == "version" {
			return map[string]string{"Version": version.Version}, nil
		}
		return nil, fmt.Errorf("the test has no answer to %q", key)
	default:
		panic(answer)
	}
}

func (n *fakeNode) record(req *control.Request) {
	fields := maps.Clone(req.Fields)
	delete(fields, "command")
	text, err := json.Marshal(fields)
	if err != nil {
		panic(err)
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.requests = append(n.requests, req.Command+" "+string(text))
}

// wantRequests compares what the node was asked.
func (n *fakeNode) wantRequests(want ...string) {
	n.t.Helper()
	n.mu.Lock()
	defer n.mu.Unlock()
	if !slices.Equal(n.requests, want) {
		n.t.Errorf("the node was asked\n%s\nwant\n%s", strings.Join(n.requests, "\n"), strings.Join(want, "\n"))
	}
}

// outcome is what one run of the tool came to.
type outcome struct {
	code           int
	stdout, stderr string
}

// ctl runs the tool against the node.
func (n *fakeNode) ctl(args ...string) outcome { return n.ctlWithInput("", args...) }

func (n *fakeNode) ctlWithInput(stdin string, args ...string) outcome {
	return runTool(context.Background(), strings.NewReader(stdin), map[string]string{"RECEPTORCTL_SOCKET": n.socket}, args...)
}

func runTool(ctx context.Context, stdin io.Reader, env map[string]string, args ...string) outcome {
	var stdout, stderr strings.Builder
	code := run(ctx, args, stdin, &stdout, &stderr, func(name string) string { return env[name] })
	return outcome{code, stdout.String(), stderr.String()}
}

// want compares an outcome; stderr only has to contain its part, and must be
// empty if that is.
func (o outcome) want(t *testing.T, code int, stdout, stderrPart string) {
	t.Helper()
	if o.code != code {
		t.Errorf("exit code %d, want %d", o.code, code)
	}
	if o.stdout != stdout {
		t.Errorf("stdout:\n%s\nwant:\n%s", o.stdout, stdout)
	}
	if !strings.Contains(o.stderr, stderrPart) || stderrPart == "" && o.stderr != "" {
		t.Errorf("stderr: %s\nwant: %s", o.stderr, stderrPart)
	}
}

// full is a disk without room.
type full struct{}

func (full) Write([]byte) (int, error) { return 0, syscall.ENOSPC }

func TestOutputThatCannotBeWritten(t *testing.T) {
	n := newFakeNode(t, map[string]any{"ping": `{"Success":true,"From":"b","Time":1,"TimeStr":"1ns"}`})
	for _, args := range [][]string{{"--version"}, {"ping", "b", "--count", "1"}} {
		var stderr strings.Builder
		code := run(t.Context(), args, strings.NewReader(""), full{}, &stderr, func(string) string { return n.socket })
		if want := "ERROR: print the output: no space left on device\n"; code != exitFailed || stderr.String() != want {
			t.Errorf("%s: exit code %d, stderr %q; want %d, %q", args, code, stderr.String(), exitFailed, want)
		}
	}
}

// noContact is the address of a socket that nothing may connect to.
const noContact = "/nonexistent/socket"

func TestUsageErrors(t *testing.T) {
	for _, tt := range []struct {
		args string
		want string
	}{
		{"frobnicate", "no such command: frobnicate"},
		{"work frobnicate", "no such command: work frobnicate"},
		{"--frobnicate status", "unknown flag: --frobnicate (see receptorctl --help)"},
		{"status --socket x", "unknown flag: --socket (see receptorctl status --help)"},
		{"status x", `unexpected argument "x"`},
		{"ping", "missing argument: ping takes NODE (see receptorctl ping --help)"},
		{"ping a b", `unexpected argument "b"`},
		{"ping --count -1 a", "--count -1: it must be 0 or more"},
		{"ping --count x a", "invalid argument"},
		{"ping --delay -1 a", "--delay -1: it must be from 0"},
		{"ping --delay NaN a", "--delay NaN: it must be from 0"},
		{"ping --delay 1e300 a", "--delay 1e+300: it must be from 0"},
		{"traceroute", "missing argument"},
		{"connect a", "missing argument: connect takes NODE SERVICE"},
		{"work results", "missing argument"},
		{"work status", "missing argument"},
		{"work submit", "missing argument: work submit takes TYPE [PARAMS...]"},
		{"work submit cat", "Give one of --payload, --payload-literal and --no-payload"},
		{"work submit cat --no-payload=false", "Give one of"},
		{"work submit cat -n -l x", "choose one of --payload-literal, --no-payload"},
		{"work submit cat --payload /nonexistent/file", "--payload: open /nonexistent/file: no such file"},
		{"--insecureskipverify=perhaps status", `"perhaps" should be true or false`},
	} {
		args := append([]string{"--socket", noContact}, strings.Fields(tt.args)...)
		got := runTool(context.Background(), strings.NewReader(""), nil, args...)
		got.want(t, 1, "", tt.want)
		if !strings.HasPrefix(got.stderr, "ERROR: ") || strings.Count(got.stderr, "\n") != 1 {
			t.Errorf("%s: stderr %q should be one line", tt.args, got.stderr)
		}
	}
}

func TestUnreachableNode(t *testing.T) {
	stale := filepath.Join(t.TempDir(), "stale")
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: stale, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	l.SetUnlinkOnClose(false)
	l.Close()
	for _, tt := range []struct {
		socket string
		want   []string
	}{
		{"", []string{"--socket", "RECEPTORCTL_SOCKET"}},
		{noContact, []string{"cannot reach the control socket " + noContact, "no such file", "check that the node runs and that its control-service has this filename"}},
		{"unix:" + stale, []string{"unix:" + stale, "connection refused", "nobody listens there"}},
		{"tcp://127.0.0.1", []string{"missing port", "tcp://HOST:PORT"}},
		{"udp://127.0.0.1:1", []string{`unknown kind "udp"`, "unix:PATH"}},
		{"unix:", []string{"the path is missing"}},
	} {
		got := runTool(context.Background(), strings.NewReader(""), map[string]string{"RECEPTORCTL_SOCKET": tt.socket}, "status")
		got.want(t, 1, "", tt.want[0])
		for _, part := range tt.want {
			if !strings.Contains(got.stderr, part) {
				t.Errorf("%s: stderr %q should contain %q", tt.socket, got.stderr, part)
			}
		}
	}
}

// The socket may belong to anything.
func TestNotAControlService(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "s")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		if conn, err := l.Accept(); err == nil {
			io.WriteString(conn, "220 mail ESMTP\n")
			conn.Close()
		}
	}()
	runTool(context.Background(), strings.NewReader(""), nil, "--socket", socket, "status").
		want(t, 1, "", socket+": not a control service")
}

func TestHelp(t *testing.T) {
	var names []string
	for _, c := range commands() {
		names = append(names, c.name)
		got := runTool(context.Background(), strings.NewReader(""), nil, append(strings.Fields(c.name), "--help")...)
		got.want(t, 0, got.stdout, "")
		wanted := []string{"Usage: receptorctl [OPTIONS] " + c.name, "--help", c.about}
		if c.group {
			runTool(t.Context(), strings.NewReader(""), nil, c.name).want(t, 0, got.stdout, "")
		} else {
			wanted = append(wanted, "Exit codes:\n  0    it worked\n  1    it failed")
		}
		for _, part := range wanted {
			if !strings.Contains(got.stdout, part) {
				t.Errorf("help of %s lacks %q:\n%s", c.name, part, got.stdout)
			}
		}
	}
	got := runTool(context.Background(), strings.NewReader(""), nil, "--help")
	got.want(t, 0, got.stdout, "")
	runTool(t.Context(), strings.NewReader(""), nil).want(t, 0, got.stdout, "")
	for _, part := range append(names, "--socket ADDRESS", "RECEPTORCTL_SOCKET", "--rootcas", "--key", "--cert", "--insecureskipverify", "--version") {
		if !strings.Contains(got.stdout, part) {
			t.Errorf("help lacks %q:\n%s", part, got.stdout)
		}
	}
}

func TestVersionOption(t *testing.T) {
	runTool(context.Background(), strings.NewReader(""), nil, "--version").want(t, 0, "receptorctl "+version.Version+"\n", "")
}

func TestVersionCommand(t *testing.T) {
	newFakeNode(t, nil).ctl("version").want(t, 0, "receptorctl  dev\nreceptor     dev\n", "")
}

func TestVersionsDiffer(t *testing.T) {
	for answer, want := range map[string]string{`{"Version":"1.5.0"}`: "1.5.0", `{}`: "Unknown", `{"Version":""}`: ""} {
		got := newFakeNode(t, map[string]any{"version": answer}).ctl("version")
		got.want(t, 0, "receptorctl  dev\nreceptor     "+want+"\n", fmt.Sprintf(`Warning: receptorctl has version "dev" but the node has %q`, want))
	}
	newFakeNode(t, map[string]any{"version": `[]`}).ctl("version").want(t, 1, "", "ask the node for its version")
	newFakeNode(t, map[string]any{"version": errors.New("too many control sessions")}).ctl("version").want(t, 1, "", "too many control sessions")
}
