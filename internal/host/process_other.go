//go:build !linux

package host

import (
	"fmt"
	"os"
	"runtime"

	"receptor/work"
)

// Processes runs the commands of units: not on this system.
type Processes struct{}

var _ work.Processes = (*Processes)(nil)

// NewProcesses returns Processes whose every call fails with an error that
// says why.
func NewProcesses(func(format string, args ...any)) (*Processes, error) { return &Processes{}, nil }

var errNotHere = fmt.Errorf("commands of units of work run on Linux only, not on %s", runtime.GOOS)

// Start implements work.Processes.
func (*Processes) Start(work.Job, work.Watcher) (work.Process, error) { return nil, errNotHere }

// Attach implements work.Processes.
func (*Processes) Attach(string, int, work.Watcher) (work.Process, error) { return nil, errNotHere }

// Forbid implements work.Processes.
func (*Processes) Forbid(string) error { return errNotHere }

// Close does nothing.
func (*Processes) Close() error { return nil }

// SuperviseMain is the supervisor: not on this system.
func SuperviseMain([]string) int {
	fmt.Fprintln(os.Stderr, errNotHere)
	return 1
}
