//go:build linux

package host

import (
	"fmt"
	"os"
	"path/filepath"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"receptor/work"
)

// scarceProcesses are Processes to which the system gives an instance of inotify
// once that is allowed, and what they log.
func scarceProcesses(t *testing.T) (p *Processes, allowed *atomic.Bool, logged chan string) {
	logged = make(chan string, 100)
	p, err := NewProcesses(func(format string, args ...any) { logged <- fmt.Sprintf(format, args...) })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close() })
	allowed = new(atomic.Bool)
	p.notify.every = time.Millisecond
	p.notify.open = func() (*os.File, error) {
		if !allowed.Load() {
			return nil, syscall.EMFILE
		}
		return openInotify()
	}
	return p, allowed, logged
}

// gatedUnit is a unit whose command waits at a gate before it writes a line.
func gatedUnit(t *testing.T) (job work.Job, g string) {
	dir := t.TempDir()
	if err := work.WriteStatus(FS{}, dir, work.Status{WorkType: "sh"}); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{work.StdinFile, work.StdoutFile} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	g = gate(t)
	return work.Job{Dir: dir, Command: "sh", Args: []string{"-c", "read x <" + g + "; echo line"}}, g
}

// awaitState returns when a unit is in a state, of which the watcher must be told.
func awaitState(t *testing.T, w *watch, job work.Job, want work.State) {
	for {
		s, err := work.ReadStatus(FS{}, job.Dir)
		if err != nil {
			t.Fatal(err)
		}
		if s.State == want {
			return
		}
		<-w.status
	}
}

// Where the instances of inotify are used up, units run, and whoever waits for
// them learns all the same; somebody is told why it takes longer, once.
func TestWithoutInotify(t *testing.T) {
	p, allowed, logged := scarceProcesses(t)
	job, g := gatedUnit(t)
	w := &watch{output: make(chan struct{}), status: make(chan struct{}, 1<<16), ended: make(chan string, 1)}
	process, err := p.Start(job, w)
	if err != nil {
		t.Fatal(err)
	}
	awaitState(t, w, job, work.Running)
	if err := process.WatchOutput(true); err != nil {
		t.Fatal(err)
	}
	for range 3 { // again and again
		<-w.output
	}
	go func() {
		for range w.output { // as before
		}
	}()
	other, otherGate := gatedUnit(t)
	otherWatch := newWatch()
	if _, err := p.Start(other, otherWatch); err != nil {
		t.Fatal(err)
	}
	awaitState(t, otherWatch, other, work.Running)
	if got := <-logged; len(logged) > 0 {
		t.Errorf("logged: %s, and %s", got, <-logged)
	}

	allowed.Store(true)
	if got, want := <-logged, "News of units of work come by inotify again"; got != want {
		t.Errorf("logged: %s", got)
	}
	p.notify.look() // the poll that logged may have begun before that was allowed
	p.notify.mu.Lock()
	polled, watched := len(p.notify.polled), len(p.notify.units)
	p.notify.mu.Unlock()
	if polled > 0 || watched != 1 {
		t.Errorf("%d units are polled, and the output of %d is watched", polled, watched)
	}
	open(t, g)
	open(t, otherGate)
	<-w.ended
	<-otherWatch.ended
	for _, job := range []work.Job{job, other} {
		if s, err := work.ReadStatus(FS{}, job.Dir); err != nil || s.State != work.Succeeded || s.StdoutSize != int64(len("line\n")) {
			t.Errorf("%+v, %v", s, err)
		}
	}
}

// A poll does not tell of what it has told.
func TestPollTellsNews(t *testing.T) {
	p, _, _ := scarceProcesses(t)
	p.notify.every = time.Hour
	dir, w := t.TempDir(), newWatch()
	watch, err := p.notify.add(dir, w)
	if err != nil {
		t.Fatal(err)
	}
	polls := func() (news change) {
		found, more := p.notify.look()
		if !more {
			t.Error("nothing is polled any more")
		}
		return found.of[watch]
	}
	for _, want := range []bool{true, false} {
		if got := polls(); got.status != want || got.output {
			t.Errorf("%+v, want status %v", got, want)
		}
	}
	touch(dir)
	if got := polls(); got != (change{status: true, lost: true}) {
		t.Errorf("after a change: %+v", got)
	}
	if err := watch.output(true); err != nil {
		t.Fatal(err)
	}
	if got := polls(); !got.output {
		t.Errorf("while somebody reads: %+v", got)
	}
	watch.remove()
	if found, more := p.notify.look(); more || len(found.order) > 0 {
		t.Errorf("a unit that is gone: %+v", found.of)
	}
}

// A node without units leaves the instances of inotify to those who need them.
func TestNoInotifyWithoutUnits(t *testing.T) {
	p, allowed, _ := scarceProcesses(t)
	allowed.Store(true)
	if p.notify.inotify != nil {
		t.Error("there is an instance of inotify")
	}
	watch, err := p.notify.add(t.TempDir(), newWatch())
	if err != nil {
		t.Fatal(err)
	}
	if watch.remove(); p.notify.inotify == nil || len(p.notify.polled) > 0 {
		t.Error("there is none for a unit")
	}
}
