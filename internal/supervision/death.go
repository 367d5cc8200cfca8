package supervision

import (
	"fmt"
	"syscall"

	"receptor/work"
)

// Death is the end of a process of a unit.
type Death struct {
	Command bool // it was the command
	Last    bool // no process of the unit is left
	// Code is its exit code, if no signal has ended it.
	Code int
	// Signal is that which has ended it, or 0. Core tells of a core dump then.
	Signal syscall.Signal
	Core   bool
}

// outcome is what a unit is when its command has ended in that way.
func (d Death) outcome() (work.State, string) {
	switch {
	case d.Signal != 0 && d.Core:
		return work.Failed, fmt.Sprintf("signal: %v (core dumped)", d.Signal)
	case d.Signal != 0:
		return work.Failed, fmt.Sprintf("signal: %v", d.Signal)
	case d.Code != 0:
		return work.Failed, fmt.Sprintf("exit status %d", d.Code)
	}
	return work.Succeeded, "exit status 0"
}
