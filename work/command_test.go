package work

import (
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
	"testing"

	"receptor/sim/disk"
)

func TestCommandUnit(t *testing.T) {
	n := newCluster(t).node("a")
	id, result := n.submit("a", "input")
	if result != "Job Started" {
		t.Errorf("result %q", result)
	}
	p := n.next()
	if p.Command != "cat" || len(p.Args) != 0 || p.input() != "input" {
		t.Errorf("job %+v", p.Job)
	}
	n.wantStatus(id, Pending, "Starting Worker")
	live := n.results(id, 0)
	p.output("first ")
	n.wantOutput(live, "first ")
	p.status(Running, "Running: PID 7")
	n.wantStatus(id, Running, "Running: PID 7")
	p.output("second")
	n.wantOutput(live, "second")
	if got, want := n.do("work status "+id), `{"State":1,"StateName":"Running","Detail":"Running: PID 7",`+
		`"StdoutSize":12,"WorkType":"cat","ExtraData":{"Pid":0,"Params":""}}`; got != want {
		t.Errorf("status\n %s, want\n %s", got, want)
	}
	p.exit(Succeeded, "exit status 0")
	n.wantEnd(live, "")
	p.output("from the background") // is no output of the unit any more
	n.wantEnd(n.results(id, 6), "second")
	n.wantEnd(n.results(id, 12), "")
	n.wantEnd(n.results(id, 1000), "")
	if got := n.do("work list"); !strings.HasPrefix(got, `{"`+id+`":{"State":2,"StateName":"Succeeded"`) {
		t.Errorf("list %s", got)
	}
}

// A command may end before anybody saw it run.
func TestCommandFailsAtOnce(t *testing.T) {
	n := newCluster(t).node("a")
	id, _ := n.submit("a", "")
	n.next().exit(Failed, "exit status 3")
	n.wantStatus(id, Failed, "exit status 3")
	n.wantEnd(n.results(id, 0), "")
}

func TestRuntimeParams(t *testing.T) {
	n := newCluster(t).node("a")
	sub, err := n.client().Submit(map[string]string{"node": "LocalHost", "worktype": "sh", "params": `'echo "a  b"' x\ y`})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := sub.Finish(strings.NewReader("")); err != nil {
		t.Fatal(err)
	}
	if got, want := n.next().Args, []string{"-c", `echo "a  b"`, "x y"}; !slices.Equal(got, want) {
		t.Errorf("arguments %q, want %q", got, want)
	}
}

func TestCancelCommand(t *testing.T) {
	n := newCluster(t).node("a")
	id, _ := n.submit("a", "")
	p := n.next()
	p.status(Running, "Running: PID 7")
	live := n.results(id, 0)
	answer := make(chan string)
	go func() { answer <- n.do("work cancel " + id) }()
	<-p.canceled
	p.output("bye")
	p.exit(Canceled, "Canceled")
	if got, want := <-answer, `{"cancelled":"`+id+`"}`; got != want {
		t.Errorf("answer %s, want %s", got, want)
	}
	n.wantEnd(live, "bye")
	// Nothing comes after a terminal state.
	p.watcher.Ended(true, "exit status 0")
	if got := n.do("work cancel " + id); got != `{"cancelled":"`+id+`"}` {
		t.Errorf("second cancel: %s", got)
	}
	n.wantStatus(id, Canceled, "Canceled")
}

func TestCancelPendingCommand(t *testing.T) {
	n := newCluster(t).node("a")
	sub, err := n.client().Submit(map[string]string{"node": "a", "worktype": "cat"})
	if err != nil {
		t.Fatal(err)
	}
	n.do("work cancel " + sub.UnitID)
	n.wantStatus(sub.UnitID, Canceled, "Canceled")
	if _, err := sub.Finish(strings.NewReader("late")); err == nil || !strings.Contains(err.Error(), "was not started: Canceled") {
		t.Errorf("the submission ended with %v", err)
	}
	if n.processes.starts != 0 {
		t.Error("it was started all the same")
	}
}

func TestStubbornCommand(t *testing.T) {
	c := newCluster(t)
	n := c.node("a")
	id, _ := n.submit("a", "")
	p := n.next()
	answer := make(chan string)
	go func() { answer <- n.do("work release " + id) }()
	<-p.canceled
	c.clock.waitTimer(t, cancelWait)
	c.clock.advance(cancelWait)
	if got, want := <-answer, `{"release pending":"`+id+`"}`; got != want {
		t.Errorf("answer %s, want %s", got, want)
	}
	p.exit(Canceled, "Canceled")
	if got := n.do("work status " + id); got != "ERROR: unknown work unit "+id {
		t.Errorf("status %s", got)
	}
	if left := n.fs.Tree("/data/a"); len(left) != 0 {
		t.Errorf("left: %v", left)
	}
}

func TestReleaseCommand(t *testing.T) {
	n := newCluster(t).node("a")
	id, _ := n.submit("a", "x")
	p := n.next()
	p.exit(Succeeded, "exit status 0")
	for _, want := range []string{`{"released":"` + id + `"}`, "ERROR: unknown work unit " + id} {
		if got := n.do("work force-release " + id); got != want {
			t.Errorf("answer %s, want %s", got, want)
		}
	}
	if left := n.fs.Tree("/data/a"); len(left) != 0 {
		t.Errorf("left: %v", left)
	}
	// The unit's end may be told late.
	p.watcher.OutputGrew()
	p.watcher.StatusChanged()
	p.watcher.Ended(true, "exit status 0")
	if left := n.fs.Tree("/data/a"); len(left) != 0 {
		t.Errorf("came back: %v", left)
	}
}

func TestSupervisorEndsEarly(t *testing.T) {
	for _, c := range []struct {
		name    string
		end     func(p *testProcess)
		cancel  bool
		state   State
		detail  string
		isSwept bool
	}{
		{"killed while the command ran", func(p *testProcess) { p.watcher.Ended(true, "signal: killed") }, false,
			Failed, "the supervisor of the command ended early (signal: killed)", true},
		{"killed while it cancelled", func(p *testProcess) { p.watcher.Ended(true, "signal: killed") }, true,
			Canceled, "Canceled", true},
		{"failed before the command", func(p *testProcess) { p.watcher.Ended(false, "exit status 4") }, false,
			Failed, "ended (exit status 4) before it started the command", false},
		{"cancelled before the command", func(p *testProcess) { p.watcher.Ended(false, "signal: terminated") }, true,
			Canceled, "Canceled", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			n := newCluster(t).node("a")
			id, _ := n.submit("a", "")
			p := n.next()
			p.fs.Add(path.Join(p.Dir, StdoutFile), "partial")
			p.errOutput("odd")
			answer := make(chan string, 1)
			if c.cancel {
				go func() { answer <- n.do("work cancel " + id) }()
				<-p.canceled
			}
			c.end(p)
			n.wantStatus(id, c.state, c.detail)
			n.wantEnd(n.results(id, 0), "partial")
			n.wantEnd(n.stderr(id, 0), "odd")
			if p.swept != c.isSwept {
				t.Errorf("swept: %v", p.swept)
			}
			if c.cancel {
				<-answer
			}
			if s, err := ReadStatus(n.fs, p.Dir); err != nil || s.State != c.state || s.StdoutSize != 7 {
				t.Errorf("on disk: %+v, %v", s, err)
			}
			n.powerCut()
			n.wantStatus(id, c.state, c.detail)
			n.wantEnd(n.results(id, 0), "partial")
			n.wantEnd(n.stderr(id, 0), "odd")
		})
	}
}

// What the killed supervisor has not synced may be lost: the unit says so.
func TestOutputOfLostCannotBeSynced(t *testing.T) {
	n := newCluster(t).node("a")
	id, _ := n.submit("a", "")
	p := n.next()
	p.output("partial")
	n.fs.setBroken(func(op disk.Op, name string) error {
		if op == disk.Sync && path.Base(name) == StdoutFile {
			return errDisk
		}
		return nil
	})
	p.watcher.Ended(true, "signal: killed")
	n.wantStatus(id, Failed, "Error storing the output: sync "+p.Dir+"/stdout: the disk is broken")
}

func TestStartFails(t *testing.T) {
	n := newCluster(t).node("a")
	n.processes.fail = fmt.Errorf("no more processes")
	id, result := n.submit("a", "")
	if result != "no more processes" {
		t.Errorf("result %q", result)
	}
	n.wantStatus(id, Failed, "Error starting worker: no more processes")
	n.wantProblem("no more processes")
}

// wantProblem looks for one of a unit among the events that nobody has read.
func (n *testNode) wantProblem(text string) {
	n.t.Helper()
	for len(n.events) > 0 {
		if e, ok := (<-n.events).(UnitProblem); ok && strings.Contains(e.Err.Error(), text) {
			return
		}
	}
	n.t.Errorf("the operator is not told: %s", text)
}

func TestUnitCannotBeMade(t *testing.T) {
	n := newCluster(t).node("a")
	// Break one operation after the other until all of them pass.
	for k := 0; ; k++ {
		left := k
		n.fs.setBroken(func(op disk.Op, name string) error {
			if left--; left == -1 {
				return errDisk
			}
			return nil
		})
		_, err := n.m.create(newCommandStatus("cat", ""), func(u *unit) runner { return newCommand(u) })
		n.fs.setBroken(nil)
		if err == nil {
			if k < 9 || left < 0 {
				t.Errorf("the unit was made although operation %d had failed", k)
			}
			break
		}
		n.wantProblem(errDisk.Error())
		// What is left of it must not look like a unit, and must go.
		n.stop()
		n.start()
		if got := n.do("work list"); got != "{}" {
			t.Fatalf("operation %d failed, list %s", k, got)
		}
		if left := n.fs.Tree("/data/a"); len(left) != 0 {
			t.Fatalf("operation %d failed, left %v", k, left)
		}
	}
}

func TestRestart(t *testing.T) {
	status := func(state State, detail, extra string) string {
		return fmt.Sprintf(`{"State":%d,"Detail":%q,"StdoutSize":0,"WorkType":"cat","ExtraData":%s}`, state, detail, extra)
	}
	complete := `{"Pid":0,"Params":"","InputComplete":true}`
	for _, c := range []struct {
		name   string
		file   string
		found  error // of Attach
		state  State
		detail string
		starts int
	}{
		{"input was incomplete", status(Pending, "Waiting for Input Data", `{"Pid":0,"Params":""}`), ErrNeverStarted, Failed, "Pending at restart", 0},
		{"input was complete", status(Pending, "Starting Worker", complete), ErrNeverStarted, Pending, "Starting Worker", 1},
		{"supervisor had started", status(Pending, "Starting Worker", complete), nil, Pending, "Starting Worker", 0},
		{"supervisor runs", status(Running, "Running: PID 7", complete), nil, Running, "Running: PID 7", 0},
		{"supervisor is gone", status(Running, "Running: PID 7", complete), ErrSupervisorGone, Failed, "ended early (while this node was down)", 0},
		{"supervisor was just started", status(Pending, "Starting Worker", complete), ErrSupervisorGone, Failed, "ended early (while this node was down)", 0},
		{"running without a trace", status(Running, "Running: PID 7", complete), ErrNeverStarted, Failed, "ended early", 0},
		{"attach fails", status(Running, "Running: PID 7", complete), fs.ErrPermission, Running, "Running: PID 7", 0},
		{"complete", status(Succeeded, "exit status 0", "null"), ErrNeverStarted, Succeeded, "exit status 0", 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			n := newCluster(t).node("a")
			n.stop()
			n.fs.Put("/data/a/unit0001/status", c.file)
			n.processes.found["/data/a/unit0001"] = c.found
			n.start()
			n.wantStatus("unit0001", c.state, c.detail)
			if n.processes.starts != c.starts {
				t.Errorf("%d starts, want %d", n.processes.starts, c.starts)
			}
			if c.state.Terminal() {
				n.wantEnd(n.results("unit0001", 0), "")
			}
			if s, err := ReadStatus(n.fs, "/data/a/unit0001"); err != nil || s.State != c.state {
				t.Errorf("on disk: %+v, %v", s, err)
			}
		})
	}
}

// The result was written after the daemon had stopped.
func TestRestartFindsResult(t *testing.T) {
	n := newCluster(t).node("a")
	id, _ := n.submit("a", "")
	p := n.next()
	p.status(Running, "Running: PID 7")
	n.stop()
	p.output("late")
	p.status(Succeeded, "exit status 0")
	n.start()
	n.wantStatus(id, Succeeded, "exit status 0")
	n.wantEnd(n.results(id, 0), "late")
}

func TestUnreadableUnits(t *testing.T) {
	n := newCluster(t).node("a")
	n.stop()
	good := `{"State":2,"Detail":"exit status 0","StdoutSize":3,"WorkType":"cat","ExtraData":null}` + "\n"
	bad := map[string]string{
		"empty000": "", "blank000": "\n", "garbage0": "\x00\xff{", "torn0000": good[:30], "notype00": `{"State":1}`,
		"badstate": `{"State":9,"WorkType":"cat"}`, "badsize0": `{"State":2,"StdoutSize":-1,"WorkType":"cat"}`,
		"nonode00": `{"State":0,"WorkType":"remote","ExtraData":{}}`, "noextra0": `{"State":0,"WorkType":"remote"}`,
	}
	for id, content := range bad {
		n.fs.Put("/data/a/"+id+"/status", content)
	}
	n.fs.Put("/data/a/nostatus/stdin", "x")
	n.fs.Put("/data/a/aplainfl", "not a directory")
	n.fs.Put("/data/a/some.other.file", "x")
	n.fs.Put("/data/a/crashed0.new/status", good)
	n.fs.Put("/data/a/crashed1.released/stdout", "x")
	n.fs.Put("/data/a/goodunit/status", good)
	n.fs.Put("/data/a/othertyp/status", `{"State":2,"Detail":"done","StdoutSize":0,"WorkType":"k8s","ExtraData":{"PodName":"p"}}`)
	before := n.fs.get("/data/a/torn0000/status")
	n.start()

	if got, want := n.do("work list"), `{"goodunit":{"State":2,"StateName":"Succeeded","Detail":"exit status 0","StdoutSize":3,"WorkType":"cat","ExtraData":null},`+
		`"othertyp":{"State":2,"StateName":"Succeeded","Detail":"done","StdoutSize":0,"WorkType":"k8s","ExtraData":"Unknown WorkType"}}`; got != want {
		t.Errorf("list\n %s, want\n %s", got, want)
	}
	reported := 0
	for len(n.events) > 0 {
		if e, ok := (<-n.events).(UnitUnreadable); ok {
			if _, ok := bad[e.Unit]; !ok && e.Unit != "nostatus" && e.Unit != "aplainfl" {
				t.Errorf("reported %+v", e)
			}
			reported++
		}
	}
	if want := len(bad) + 2; reported != want {
		t.Errorf("%d reports, want %d", reported, want)
	}
	if n.fs.get("/data/a/torn0000/status") != before || n.fs.get("/data/a/some.other.file") != "x" {
		t.Error("what could not be read was changed")
	}
	// They are marked, and a person decides.
	if got := n.fs.get("/data/a/empty000/damaged"); !strings.Contains(got, "/data/a/empty000/status is unusable: it is empty") {
		t.Errorf("mark %q", got)
	}
	for _, command := range []string{"status", "results", "cancel", "release"} {
		if got := n.do("work " + command + " empty000"); !strings.Contains(got, "unit empty000 is damaged, and kept as it is until it is released by force: ") {
			t.Errorf("%s: %s", command, got)
		}
	}
	if got := n.do("work force-release empty000"); got != `{"released":"empty000"}` {
		t.Errorf("force-release: %s", got)
	}
	if got := n.do("work status empty000"); got != "ERROR: unknown work unit empty000" {
		t.Errorf("after that: %s", got)
	}
	// A status that was just being written is whole when the node looks again.
	n.stop()
	n.fs.Put("/data/a/torn0000/status", good)
	n.start()
	n.wantStatus("torn0000", Succeeded, "exit status 0")
	if got := n.fs.get("/data/a/torn0000/damaged"); got != "" {
		t.Errorf("it is still marked: %s", got)
	}
	for _, gone := range []string{"/data/a/crashed0.new/status", "/data/a/crashed1.released/stdout"} {
		if n.fs.get(gone) != "" {
			t.Errorf("%s is still there", gone)
		}
	}
	// Shorter output than the status says: results must end all the same.
	n.wantEnd(n.results("goodunit", 0), "")
}

// Units that are no commands, or none that this node knows, are kept as they
// are.
func TestUnregisteredTypeOnDisk(t *testing.T) {
	n := newCluster(t).node("a")
	n.stop()
	file := `{"State":1,"Detail":"Pod Running","StdoutSize":0,"WorkType":"k8s","ExtraData":{"PodName":"p"}}`
	n.fs.Put("/data/a/othertyp/status", file)
	n.start()
	n.wantStatus("othertyp", Running, "Pod Running")
	if got := n.fs.get("/data/a/othertyp/status"); got != file {
		t.Errorf("the file is now %s", got)
	}
	if got := n.do("work release othertyp"); !strings.Contains(got, "could not find its supervisor") {
		t.Errorf("release: %s", got)
	}
	if got := n.do("work force-release othertyp"); got != `{"released":"othertyp"}` {
		t.Errorf("force-release: %s", got)
	}
	if left := n.fs.Tree("/data/a"); len(left) != 0 {
		t.Errorf("left: %v", left)
	}
}
