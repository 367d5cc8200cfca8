package guest

import (
	"fmt"
	"sync"
	"time"

	"receptor/internal/supervision"
)

// system is what knows of the processes of a machine, from one boot to the next. After a
// power cut other processes have the IDs and the start times of those that there were:
// only the boot ID tells them apart.
type system struct {
	name string

	mu     sync.Mutex
	boots  int
	last   int            // process ID
	starts map[int]uint64 // of what runs, by process ID
}

var _ supervision.System = (*system)(nil)

func newSystem(name string) *system {
	return &system{name: name, boots: 1, starts: make(map[int]uint64)}
}

// spawn gives a process that starts now its ID, and a claim to make.
func (s *system) spawn(now time.Duration) supervision.Claim {
	s.mu.Lock()
	defer s.mu.Unlock()
	const tick = 10 * time.Millisecond
	s.last++
	start := uint64(now/tick) + 1 // as 0 is for what is not known
	s.starts[s.last] = start
	return supervision.Claim{Pid: s.last, Start: start, Boot: s.bootID()}
}

// exit is the end of a process.
func (s *system) exit(pid int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.starts, pid)
}

// reboot makes what runs other processes.
func (s *system) reboot() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.boots++
}

// bootID requires mu.
func (s *system) bootID() string { return fmt.Sprintf("%s %d", s.name, s.boots) }

// BootID implements supervision.System.
func (s *system) BootID() (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.bootID(), nil
}

// StartOf implements supervision.System.
func (s *system) StartOf(pid int) (uint64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	start, found := s.starts[pid]
	if !found {
		return 0, fmt.Errorf("there is no process %d", pid)
	}
	return start, nil
}
