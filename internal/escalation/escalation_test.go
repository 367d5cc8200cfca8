package escalation

import (
	"slices"
	"syscall"
	"testing"
	"time"
)

func TestEscalation(t *testing.T) {
	const interrupt, terminate, kill, none = syscall.SIGINT, syscall.SIGTERM, syscall.SIGKILL, syscall.Signal(0)
	maybe := func(s Step, ok bool) syscall.Signal {
		if ok != (s != Step{}) {
			t.Errorf("step %v, and %v that there is one", s, ok)
		}
		return s.Signal
	}
	end := func(e *Escalation) syscall.Signal { return maybe(e.End()) }
	exited := func(e *Escalation) syscall.Signal { return maybe(e.Exited()) }
	next := func(e *Escalation) syscall.Signal { return e.Next().Signal }
	killed := func(e *Escalation) syscall.Signal { return e.Kill().Signal }
	for name, c := range map[string]struct {
		happens []func(*Escalation) syscall.Signal
		want    []syscall.Signal
	}{
		"a command that heeds nothing":        {[]func(*Escalation) syscall.Signal{end, next, next, next}, []syscall.Signal{interrupt, terminate, kill, kill}},
		"told again":                          {[]func(*Escalation) syscall.Signal{end, end, next}, []syscall.Signal{interrupt, none, terminate}},
		"one that leaves children":            {[]func(*Escalation) syscall.Signal{end, exited, next}, []syscall.Signal{interrupt, terminate, kill}},
		"one that ends on the second":         {[]func(*Escalation) syscall.Signal{end, next, exited, next}, []syscall.Signal{interrupt, terminate, none, kill}},
		"children of one that had ended":      {[]func(*Escalation) syscall.Signal{exited, end, next}, []syscall.Signal{none, terminate, kill}},
		"killed":                              {[]func(*Escalation) syscall.Signal{killed, exited, end, next}, []syscall.Signal{kill, none, none, kill}},
		"killed while it is being terminated": {[]func(*Escalation) syscall.Signal{end, killed, exited}, []syscall.Signal{interrupt, kill, none}},
	} {
		e := New(Default())
		var got []syscall.Signal
		for _, f := range c.happens {
			got = append(got, f(e))
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: signals %v, want %v", name, got, c.want)
		}
	}
	if waits := Default(); waits[0].Wait != 5*time.Second || waits[1].Wait != 5*time.Second {
		t.Errorf("steps %v, want the waits that docs/work.md promises", waits)
	}
}
