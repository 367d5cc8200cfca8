package supervision

import (
	"errors"
	"testing"
)

// fixed is a system with one process.
type fixed struct {
	boot       string
	pid        int
	start      uint64
	unreadable error // nothing is known
}

func (f fixed) BootID() (string, error) { return f.boot, f.unreadable }

func (f fixed) StartOf(pid int) (uint64, error) {
	if pid != f.pid {
		return 0, errors.New("there is none")
	}
	return f.start, f.unreadable
}

// A process is that of a claim if its ID, its start and the boot are the same, or may be.
func TestLives(t *testing.T) {
	c := Claim{Pid: 7, Start: 100, Boot: "first"}
	for name, test := range map[string]struct {
		claim  Claim
		system fixed
		want   bool
	}{
		"itself":          {c, fixed{boot: "first", pid: 7, start: 100}, true},
		"a later process": {c, fixed{boot: "first", pid: 7, start: 101}, false},
		"a process of a later boot, equal in both": {c, fixed{boot: "second", pid: 7, start: 100}, false},
		"none of a later boot":                     {c, fixed{boot: "second"}, false},
		"none that is seen from here":              {c, fixed{boot: "first"}, true},
		"of an earlier version":                    {Claim{Pid: 7}, fixed{boot: "second", pid: 7, start: 101}, true},
		"on a system that says nothing":            {c, fixed{unreadable: errors.New("no /proc")}, true},
	} {
		if got := test.claim.Lives(test.system); got != test.want {
			t.Errorf("%s: lives %v, want %v", name, got, test.want)
		}
	}
}
