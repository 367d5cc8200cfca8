package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"

	"receptor/control"
)

// worker is what a fake node needs to run one unit, X1.
type worker struct {
	stdin    string // what the unit got
	results  string // what it says
	state    string // the answer to work status
	released bool
	canceled bool
}

func (w *worker) answers() map[string]any {
	return map[string]any{
		"work submit": control.Handler(func(_ context.Context, _ *control.Request, s control.Session) (any, error) {
			io.WriteString(s, "Work unit created with ID X1. Send stdin data and EOF.\n")
			in, err := io.ReadAll(s)
			w.stdin = string(in)
			return map[string]string{"unitid": "X1", "result": "Job Started"}, err
		}),
		"work results": control.Handler(func(_ context.Context, req *control.Request, s control.Session) (any, error) {
			if req.Fields["unitid"] != "X1" {
				return nil, fmt.Errorf("unknown work unit %v", req.Fields["unitid"])
			}
			_, err := io.WriteString(s, "Streaming results for work unit X1\n"+w.results)
			return nil, err
		}),
		"work status": w.state,
		"work release": control.Handler(func(context.Context, *control.Request, control.Session) (any, error) {
			w.released = true
			return map[string]string{"released": "X1"}, nil
		}),
		"work cancel": control.Handler(func(context.Context, *control.Request, control.Session) (any, error) {
			w.canceled = true
			return map[string]string{"cancelled": "X1"}, nil
		}),
	}
}

const (
	started   = "Result: Job Started\nUnit ID: X1\n"
	succeeded = `{"State":2,"StateName":"Succeeded","Detail":"exit status 0","StdoutSize":7}`
	failed    = `{"State":3,"StateName":"Failed","Detail":"exit status 3","StdoutSize":7}`
	canceled  = `{"State":4,"StateName":"Canceled","Detail":"Canceled","StdoutSize":7}`
	running   = `{"State":1,"StateName":"Running","Detail":"Running: PID 7","StdoutSize":7}`
)

func TestSubmitPayloads(t *testing.T) {
	file := filepath.Join(t.TempDir(), "payload")
	if err := os.WriteFile(file, []byte("from a file\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		args []string
		want string
	}{
		{[]string{"--payload", file}, "from a file\n"},
		{[]string{"-p", "-"}, "from stdin"},
		{[]string{"--payload-literal", "text"}, "text\n"},
		{[]string{"-l", ""}, "\n"},
		{[]string{"--no-payload"}, ""},
		{[]string{"-n"}, ""},
	} {
		w := &worker{}
		n := newFakeNode(t, w.answers())
		n.ctlWithInput("from stdin", append([]string{"work", "submit", "cat"}, tt.args...)...).want(t, 0, started, "")
		if w.stdin != tt.want {
			t.Errorf("%q: the unit got %q, want %q", tt.args, w.stdin, tt.want)
		}
		n.wantRequests(`work {"node":"localhost","subcommand":"submit","worktype":"cat"}`)
	}
}

func TestSubmitFields(t *testing.T) {
	file := filepath.Join(t.TempDir(), "value")
	if err := os.WriteFile(file, []byte("a\nb"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		args []string
		want string
	}{
		{[]string{"cat", "a", "b c"}, `"node":"localhost","params":"a b c","subcommand":"submit","worktype":"cat"`},
		{[]string{"--node", "b", "cat", "a"}, `"node":"b","params":"a","subcommand":"submit","worktype":"cat"`},
		{[]string{"cat", "--node", ""}, `"node":"localhost","subcommand":"submit","worktype":"cat"`},
		{[]string{"cat", "a", "-a", "params=x y", "b"}, `"node":"localhost","params":"x y a b","subcommand":"submit","worktype":"cat"`},
		{
			[]string{"cat", "--tls-client", "t", "--ttl=1h", "--signwork"},
			`"node":"localhost","signwork":"true","subcommand":"submit","tlsclient":"t","ttl":"1h","worktype":"cat"`,
		},
		{[]string{"cat", "-a", "k=v=w,x", "--param", "e="}, `"e":"","k":"v=w,x","node":"localhost","subcommand":"submit","worktype":"cat"`},
		{[]string{"cat", "-a", "k=@" + file, "-a", "l=@@" + file}, `"k":"a\nb","l":"@@` + file + `","node":"localhost","subcommand":"submit","worktype":"cat"`},
		{[]string{"cat", "--", "-x", "--follow"}, `"node":"localhost","params":"-x --follow","subcommand":"submit","worktype":"cat"`},
	} {
		n := newFakeNode(t, (&worker{}).answers())
		n.ctl(append([]string{"work", "submit", "-n"}, tt.args...)...).want(t, 0, started, "")
		n.wantRequests("work {" + tt.want + "}")
	}
}

func TestSubmitErrors(t *testing.T) {
	n := newFakeNode(t, map[string]any{"work submit": errors.New("unknown work type cat")})
	n.ctl("work", "submit", "-n", "cat").want(t, 101, "", "ERROR: failed to start the work unit: unknown work type cat\n")
	for arg, want := range map[string]string{
		"k":              `--param "k": it should be KEY=VALUE`,
		"=v":             "--param =: a work parameter cannot have this name",
		"node=v":         "--param node=: a work parameter cannot have this name",
		"ttl=v":          "--param ttl=: a work parameter cannot have this name",
		"subcommand=v":   "--param subcommand=: a work parameter cannot have this name",
		"command=v":      "--param command=: a work parameter cannot have this name",
		"k=@/nonexist/f": "--param k=@FILE: open /nonexist/f: no such file",
	} {
		n.ctl("work", "submit", "-n", "--ttl", "1h", "cat", "-a", arg).want(t, 101, "", want)
	}
	n = newFakeNode(t, map[string]any{"work submit": control.Handler(func(_ context.Context, _ *control.Request, s control.Session) (any, error) {
		io.WriteString(s, "Work unit created with ID X1. Send stdin data and EOF.\n")
		io.Copy(io.Discard, s)
		return nil, errors.New("disk full")
	})})
	n.ctl("work", "submit", "-n", "cat").want(t, 101, "", "ERROR: unit X1 was created, but: disk full\n")
}

// A payload that cannot be read is found before a node is told of it.
func TestSubmitPayloadThatIsNoFile(t *testing.T) {
	dir := t.TempDir()
	for payload, want := range map[string]string{
		dir:           "ERROR: --payload: " + dir + " is a directory: want a file, or - for stdin\n",
		dir + "/none": "ERROR: --payload: open " + dir + "/none: no such file or directory\n",
	} {
		runTool(context.Background(), nil, nil, "--socket", dir+"/no-node", "work", "submit", "cat", "-p", payload).want(t, 1, "", want)
	}
}

// A payload that breaks off must not run as if it were the whole.
func TestSubmitWithBrokenPayload(t *testing.T) {
	w := &worker{}
	n := newFakeNode(t, w.answers())
	stdin := io.MultiReader(strings.NewReader("half"), iotest.ErrReader(errors.New("tape is torn")))
	got := runTool(context.Background(), stdin, nil, "--socket", n.socket, "work", "submit", "cat", "-p", "-")
	got.want(t, 101, "", "tape is torn; unit X1 was cancelled\n")
	if !w.canceled {
		t.Error("the unit was not cancelled")
	}
	n.wantRequests(`work {"node":"localhost","subcommand":"submit","worktype":"cat"}`, `work {"subcommand":"cancel","unitid":"X1"}`)
}

func TestSubmitInterrupted(t *testing.T) {
	w := &worker{}
	answers := w.answers()
	ctx, cancel := context.WithCancel(context.Background())
	submit := answers["work submit"].(control.Handler)
	answers["work submit"] = control.Handler(func(hctx context.Context, req *control.Request, s control.Session) (any, error) {
		cancel()
		return submit(hctx, req, s)
	})
	n := newFakeNode(t, answers)
	stdin, keepOpen := io.Pipe()
	defer keepOpen.Close()
	got := runTool(ctx, stdin, nil, "--socket", n.socket, "work", "submit", "cat", "-p", "-")
	if got.code != 130 || got.stdout != "" || !strings.Contains(got.stderr, "interrupted") {
		t.Errorf("got %+v", got)
	}
}

func TestSubmitInterruptedDuringPayload(t *testing.T) {
	w := &worker{}
	answers := w.answers()
	ctx, cancel := context.WithCancel(context.Background())
	got := make(chan error, 1)
	answers["work submit"] = control.Handler(func(_ context.Context, _ *control.Request, s control.Session) (any, error) {
		io.WriteString(s, "Work unit created with ID X1. Send stdin data and EOF.\n")
		_, err := io.ReadFull(s, make([]byte, 4))
		cancel()
		io.Copy(io.Discard, s)
		if err == nil && !w.canceled {
			err = errors.New("the payload ended before the unit was cancelled")
		}
		got <- err
		return nil, err
	})
	n := newFakeNode(t, answers)
	stdin, in := io.Pipe()
	defer in.Close()
	go io.WriteString(in, "half")
	runTool(ctx, stdin, nil, "--socket", n.socket, "work", "submit", "cat", "-p", "-").want(t, 130, "", "ERROR: interrupted; unit X1 was cancelled\n")
	if err := <-got; err != nil {
		t.Error(err)
	}
}

func TestResults(t *testing.T) {
	for _, tt := range []struct {
		name, state string
		code        int
		stderr      string
	}{
		{"succeeded", succeeded, 0, ""},
		{"failed", failed, 1, "ERROR: unit X1 failed: exit status 3\n"},
		{"cancelled", canceled, 1, "ERROR: unit X1 was cancelled\n"},
		{"still running", running, 1, "the results of unit X1 ended after 7 bytes, but it is still Running: Running: PID 7"},
		{"cut off", strings.Replace(succeeded, ":7", ":8", 1), 1, "the results of unit X1 ended after 7 of 8 bytes"},
		{"garbled state", `{"State":"2"}`, 1, "state of unit X1: the node's answer to work"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			n := newFakeNode(t, (&worker{results: "\x1bHello\n", state: tt.state}).answers())
			n.ctl("work", "results", "X1").want(t, tt.code, "\x1bHello\n", tt.stderr)
			n.wantRequests(`work {"startpos":0,"subcommand":"results","unitid":"X1"}`, `work {"subcommand":"status","unitid":"X1"}`)
		})
	}
	newFakeNode(t, (&worker{}).answers()).ctl("work", "results", "Z").want(t, 1, "", "ERROR: results of unit Z: unknown work unit Z\n")
}

// The state of a unit is no matter of its stderr.
func TestStderr(t *testing.T) {
	longer := strings.Replace(succeeded, "}", `,"StderrSize":9}`, 1)
	for _, tt := range []struct {
		name, state string
		code        int
		stderr      string
	}{
		{"succeeded", succeeded, 0, ""},
		{"failed", failed, 0, ""},
		{"still running", running, 1, "the stderr of unit X1 ended after 5 bytes, but it is still Running: Running: PID 7"},
		{"cut off", longer, 1, "the stderr of unit X1 ended after 5 of 9 bytes"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			answers := (&worker{state: tt.state}).answers()
			answers["work results"] = control.Handler(func(_ context.Context, _ *control.Request, s control.Session) (any, error) {
				_, err := io.WriteString(s, "Streaming stderr for work unit X1\noops\n")
				return nil, err
			})
			n := newFakeNode(t, answers)
			n.ctl("work", "results", "X1", "--stderr").want(t, tt.code, "oops\n", tt.stderr)
			n.wantRequests(`work {"startpos":0,"stream":"stderr","subcommand":"results","unitid":"X1"}`, `work {"subcommand":"status","unitid":"X1"}`)
		})
	}
	old := newFakeNode(t, (&worker{results: "output\n", state: succeeded}).answers())
	old.ctl("work", "results", "X1", "--stderr").want(t, 1, "", "ERROR: stderr of unit X1: the node does not know of a stderr apart from the results")
}

func TestSubmitFollow(t *testing.T) {
	for _, tt := range []struct {
		name, state string
		args        []string
		code        int
		stderr      string
		released    bool
	}{
		{"follow", succeeded, []string{"--follow"}, 0, "", false},
		{"short", succeeded, []string{"-f"}, 0, "", false},
		{"failed", failed, []string{"-f"}, 1, "ERROR: unit X1 failed: exit status 3\n", false},
		{"release", succeeded, []string{"-f", "--rm"}, 0, "", true},
		{"release alone", succeeded, []string{"--rm"}, 0, "", true},
		{"release a failed unit", failed, []string{"--rm"}, 1, "ERROR: unit X1 failed: exit status 3\n", true},
		{"not to the end", running, []string{"--rm"}, 101, "still Running: Running: PID 7; the unit was left alone, see receptorctl work results X1\n", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := &worker{results: "output\n", state: tt.state}
			n := newFakeNode(t, w.answers())
			n.ctl(append([]string{"work", "submit", "cat", "-n"}, tt.args...)...).want(t, tt.code, "output\n", tt.stderr)
			if w.released != tt.released {
				t.Errorf("released: %v, want %v", w.released, tt.released)
			}
		})
	}
}

func TestSubmitFollowErrors(t *testing.T) {
	answers := (&worker{results: "output\n", state: succeeded}).answers()
	answers["work release"] = errors.New("disk is gone")
	newFakeNode(t, answers).ctl("work", "submit", "cat", "-n", "--rm").want(t, 101, "output\n", "ERROR: release unit X1: disk is gone\n")
	answers["work results"] = errors.New("no stdout")
	newFakeNode(t, answers).ctl("work", "submit", "cat", "-n", "-f").want(t, 101, "", "ERROR: results of unit X1: no stdout; the unit was left alone")
}

func TestFollowShowsResultsAsTheyCome(t *testing.T) {
	answers := (&worker{state: succeeded}).answers()
	shown := make(chan struct{})
	answers["work results"] = control.Handler(func(_ context.Context, _ *control.Request, s control.Session) (any, error) {
		io.WriteString(s, "Streaming results for work unit X1\nfirst\n")
		<-shown // a tool that waits for the end never gets there
		_, err := io.WriteString(s, "x")
		return nil, err
	})
	n := newFakeNode(t, answers)
	stdout, out := io.Pipe()
	code := make(chan int)
	go func() {
		code <- run(context.Background(), []string{"--socket", n.socket, "work", "submit", "cat", "-n", "-f"},
			strings.NewReader(""), out, io.Discard, func(string) string { return "" })
	}()
	buf := make([]byte, 6)
	if _, err := io.ReadFull(stdout, buf); err != nil || string(buf) != "first\n" {
		t.Fatalf("read %q, %v", buf, err)
	}
	close(shown)
	go io.Copy(io.Discard, stdout)
	if got := <-code; got != 0 {
		t.Errorf("exit code %d", got)
	}
}

func TestFollowInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	answers := (&worker{state: running}).answers()
	answers["work results"] = control.Handler(func(ctx context.Context, _ *control.Request, s control.Session) (any, error) {
		io.WriteString(s, "Streaming results for work unit X1\n")
		cancel()
		<-ctx.Done()
		return nil, nil
	})
	n := newFakeNode(t, answers)
	runTool(ctx, strings.NewReader(""), nil, "--socket", n.socket, "work", "submit", "cat", "-n", "-f", "--rm").
		want(t, 130, "", "ERROR: interrupted; unit X1 goes on, see receptorctl work results X1\n")
}
