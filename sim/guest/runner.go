package guest

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"receptor/sim/deployed/receptor1"
	"receptor/sim/disk"
	"receptor/sim/eventlog"
	"receptor/transport"
	"receptor/work/vfs"
)

// runner is a process that a deployed daemon has started for a unit, as a supervisor
// is for one of ours. It outlives that daemon.
type runner struct {
	machine     *machine
	pid         int
	job         receptor1.Job
	behaviour   behaviour
	disk        disk.View
	ctx         context.Context // done when its machine has lost its power
	interrupted chan struct{}
	exited      chan struct{}
}

var _ receptor1.Process = (*runner)(nil)

// Run implements receptor1.Processes.
func (i *incarnation) Run(job receptor1.Job) (pid int, exited <-chan struct{}) {
	m := i.machine
	r := &runner{machine: m, pid: m.spawn().Pid, job: job, interrupted: make(chan struct{}, 1), exited: make(chan struct{})}
	r.disk = m.disk.For(r.check)
	m.processes.Lock()
	defer m.processes.Unlock()
	r.ctx = m.power
	if i.check() != nil {
		return r.pid, r.exited // nothing comes of it
	}
	m.runners = append(m.runners, r)
	go r.run()
	return r.pid, r.exited
}

// Interrupt implements receptor1.Processes.
func (i *incarnation) Interrupt(pid int) (exited <-chan struct{}, there bool) {
	for _, r := range i.machine.runningRunners() {
		if r.pid == pid && i.check() == nil {
			select {
			case r.interrupted <- struct{}{}:
			default:
			}
			return r.exited, true
		}
	}
	return nil, false
}

// Lock implements receptor1.Processes.
func (i *incarnation) Lock(name string) chan struct{} { return i.machine.lock(name) }

// lock returns the lock of a file, as flock does, for the processes of the machine.
func (m *machine) lock(name string) chan struct{} {
	m.processes.Lock()
	defer m.processes.Unlock()
	if m.locks[name] == nil {
		m.locks[name] = make(chan struct{}, 1)
	}
	return m.locks[name]
}

func (m *machine) runningRunners() []*runner {
	m.processes.Lock()
	defer m.processes.Unlock()
	return slices.Clone(m.runners)
}

// run runs the unit.
func (r *runner) run() {
	disown() // it outlives the daemon that has started it
	defer close(r.exited)
	_ = json.Unmarshal([]byte(strings.Trim(r.job.Params, "'")), &r.behaviour) // or Start says so
	r.tell(eventlog.Claiming, "")
	receptor1.RunJob(r, r.job)
	m := r.machine
	m.system.exit(r.pid)
	m.processes.Lock()
	defer m.processes.Unlock()
	m.runners = slices.DeleteFunc(m.runners, func(o *runner) bool { return o == r })
}

func (r *runner) check() error {
	if r.ctx.Err() != nil {
		return errDead
	}
	return nil
}

// tell tells the log, unless the runner is dead.
func (r *runner) tell(kind eventlog.Kind, process string) {
	if r.check() == nil {
		r.machine.world.log.log(eventlog.Event{Kind: kind, Node: r.machine.name, Unit: r.behaviour.Unit, Text: process})
	}
}

// Context implements receptor1.Process.
func (r *runner) Context() context.Context { return r.ctx }

// Clock implements receptor1.Process.
func (r *runner) Clock() transport.Clock { return trueClock{} }

// FS implements receptor1.Process.
func (r *runner) FS() vfs.FS { return r.disk }

// Lock implements receptor1.Process.
func (r *runner) Lock(name string) chan struct{} { return r.machine.lock(name) }

// Interrupted implements receptor1.Process.
func (r *runner) Interrupted() <-chan struct{} { return r.interrupted }

// Start implements receptor1.Process.
func (r *runner) Start(_, params string, stdin []byte, stdout vfs.File) (receptor1.Command, error) {
	if r.behaviour.Unit == 0 {
		return nil, fmt.Errorf("parameters %q: want one, a JSON object", params)
	}
	c := &lone{r: r, pid: r.machine.spawn().Pid, running: true, exited: make(chan struct{})}
	r.tell(eventlog.Ran, "")
	r.tell(eventlog.Started, eventlog.Command)
	go c.run(stdout, outputOf(stdin, r.behaviour.Stdout))
	return c, nil
}

// lone is the command of a deployed runner, which may outlive that.
type lone struct {
	r      *runner
	pid    int
	exited chan struct{}

	mu      sync.Mutex
	running bool
	code    int // once it is not
}

// run is what the command does, unless it is killed: it writes its output.
func (c *lone) run(out vfs.File, output []byte) {
	pause, parts := c.r.behaviour.pace()
	step := time.NewTimer(pause)
	defer step.Stop()
	for n := range parts {
		select {
		case <-c.r.ctx.Done():
			return
		case <-c.exited:
			return
		case <-step.C:
		}
		_, _ = out.Write(c.r.behaviour.part(output, n, parts)) // commands seldom look
		step.Reset(pause)
	}
	c.ends(c.r.behaviour.Exit)
}

// ends is the end of the command, unless it has ended before.
func (c *lone) ends(code int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.running {
		return
	}
	c.running, c.code = false, code
	c.r.machine.system.exit(c.pid)
	c.r.tell(eventlog.Ended, eventlog.Command)
	close(c.exited)
}

// Pid implements receptor1.Command.
func (c *lone) Pid() int { return c.pid }

// Exited implements receptor1.Command.
func (c *lone) Exited() <-chan struct{} { return c.exited }

// Code implements receptor1.Command.
func (c *lone) Code() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.code
}

// Signal implements receptor1.Command.
func (c *lone) Signal(sig syscall.Signal) {
	if sig != syscall.SIGINT || !c.r.behaviour.IgnoreSIGINT {
		c.ends(-1)
	}
}

// trueClock is that of processes whose clock nobody has to do with.
type trueClock struct{}

// Now implements transport.Clock.
func (trueClock) Now() time.Time { return time.Now() }

// AfterFunc implements transport.Clock.
func (trueClock) AfterFunc(d time.Duration, f func()) transport.Timer { return time.AfterFunc(d, f) }
