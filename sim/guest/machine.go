package guest

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"receptor/internal/config"
	"receptor/internal/daemon"
	"receptor/internal/supervision"
	"receptor/mesh/firewall"
	"receptor/sim/disk"
	"receptor/sim/eventlog"
	"receptor/sim/scenario"
	"receptor/sim/skew"
)

// machine is what a node runs on: its disk and its processes outlive its daemon.
type machine struct {
	id          string
	name        string // in the log: the ID, unless another machine has that
	number      int    // its place among the nodes of the scenario
	kind        scenario.NodeKind
	duplicate   string // the action that brings it, if it is none of these, but has the ID of one
	world       *world
	lossy       bool // a wire of it may end links
	disk        *disk.Disk
	processes   sync.Mutex
	supervisors []*supervisor            // guarded by processes
	runners     []*runner                // of a deployed daemon; guarded by processes
	locks       map[string]chan struct{} // of files; guarded by processes
	power       context.Context          // done when the power has failed since; guarded by processes
	lose        context.CancelFunc       // ends power
	system      *system
	starts      int
	begun       time.Time     // when its daemon was last started
	offset      time.Duration // of its clock then
	powerCuts   atomic.Int32  // so far
	off         atomic.Int32  // how many reasons there are for it to be without power
	instants    instants
	sockets     *sockets
	files       *files                      // that its daemons read: certificates and keys
	shown       []showing                   // its certificates, one after the other; guarded by the mutex acting of the world
	life        *incarnation                // of the daemon that runs, nil while none does
	sender      atomic.Pointer[incarnation] // which sends the datagrams of the workload; it may have ended
	pauses      atomic.Int32                // how many reasons there are for it to be stopped
	slow        slowness
	mu          sync.Mutex
	late        []func()       // what its timers would have done meanwhile
	spec        scenario.Clock // what its clock shows to a daemon that starts
	rules       []firewall.Rule
}

var errDead = errors.New("this process was killed")

// conceive makes the life of a daemon that is about to start. old gives it the
// epoch of the first.
func (m *machine) conceive(old bool) *incarnation {
	m.starts++
	m.begun, m.offset = time.Now(), m.spec.Offset
	now := time.Since(m.world.log.start)
	m.life = &incarnation{machine: m, self: m.spawn(), number: m.starts, old: old, clock: skew.New(now, m.spec, old)}
	m.life.label = m.life.labelled()
	return m.life
}

// start starts the daemon. An error has ended its life.
func (m *machine) start(life *incarnation) error {
	err := m.run(life)
	if err != nil && m.life == life {
		m.kill()
	}
	return err
}

func (m *machine) run(life *incarnation) error {
	if m.kind == scenario.KindDeployed {
		life.own()
		defer disown()
		n, err := life.startModel()
		if err == nil {
			life.runs(n, n)
		}
		return err
	}
	line, err := config.ParseArgs(m.arguments())
	if err != nil {
		return err
	}
	cfg, err := line.Config(life.readFile, func() (string, error) { return m.id, nil })
	if err != nil {
		return err
	}
	cfg.Node.FirewallRules = m.rules
	life.own()
	defer disown()
	d, err := daemon.Start(cfg, life.host(), daemon.NewLog(life, life, cfg.LogLevel))
	if err != nil {
		return err
	}
	life.runs(d, ours{d.Node()})
	return nil
}

// arguments are the command line of the daemon.
func (m *machine) arguments() []string {
	args := append([]string{"--node", "id=" + m.id, "datadir=" + dataDir, "--local-only"}, m.workCommand(workType)...)
	args = append(args, "--control-service", "service="+controlName, "filename="+controlSocket)
	if m.world.scenario.ControlTLS(m.id) {
		args = append(args, "tls="+tlsItem)
	}
	for n, c := range m.world.cables {
		terms := []string{"cost=" + strconv.FormatFloat(c.link.Cost, 'g', -1, 64)}
		if c.link.TLS {
			terms = append(terms, "tls="+tlsItem)
		}
		switch m {
		case c.machines[listenEnd]:
			args = append(append(args, "--"+string(c.link.Backend)+"-listener", "bindaddr=127.0.0.1", "port="+strconv.Itoa(n+1)), terms...)
		case c.machines[dialEnd]:
			args = append(append(args, "--"+string(c.link.Backend)+"-peer", "address=127.0.0.1:"+strconv.Itoa(n+1)), terms...)
		}
	}
	if args = append(args, m.secureArguments()...); m.duplicate != "" {
		return args // nothing listens behind it
	}
	return append(args, streamArguments(m.world.scenario, m.id)...)
}

// workCommand is the item of a work type, of which all run the simulated command.
func (m *machine) workCommand(name string) []string {
	args := []string{"--work-command", "worktype=" + name, "command=" + workType, "allowruntimeparams=true"}
	node := m.world.scenario.Nodes[m.number]
	if node.MaxParallel > 0 {
		args = append(args, "maxparallel="+strconv.Itoa(node.MaxParallel))
	}
	if node.MaxOutput > 0 {
		args = append(args, "maxoutput="+strconv.Itoa(node.MaxOutput))
	}
	return args
}

// serves reports whether a daemon runs and has started. It requires the mutex acting
// of the world.
func (m *machine) serves() bool { return m.life != nil && m.life.serves }

// kill ends the daemon at once: its processes go on, its peers see its links end.
func (m *machine) kill() {
	if life := m.life; life != nil {
		m.system.exit(life.self.Pid)
	}
	m.die((*cable).kill)
}

// die ends the daemon. disconnect ends what it has over a cable.
func (m *machine) die(disconnect func(*cable, *incarnation)) {
	life := m.life
	if life == nil {
		return
	}
	m.life = nil
	life.dead.Store(true)
	m.world.log.log(eventlog.Event{Kind: eventlog.Died, Node: m.name})
	for _, l := range life.backends {
		l.leave()
	}
	for _, c := range m.world.cables {
		disconnect(c, life)
	}
	life.holdings.closeSockets()
	for _, s := range m.running() {
		s.unwatch(life)
	}
	// Nothing of it reaches anybody: this is for its goroutines to end.
	life.end()
	time.AfterFunc(lingering, func() { judgeLeft(life) })
}

// stop stops the daemon as an operator does, who has one that is paused go on first.
func (m *machine) stop() *incarnation {
	life := m.life
	if life == nil {
		return nil
	}
	for m.paused() {
		m.resume()
	}
	m.life = nil
	m.system.exit(life.self.Pid)
	life.end()
	return life
}

var errAbsent = errors.New("the simulated machine has no such thing")

// newPower ends the processes of deployed daemons, and lets others start. It requires
// processes.
func (m *machine) newPower() {
	if m.lose != nil {
		m.lose()
	}
	m.power, m.lose = context.WithCancel(context.Background())
	m.runners, m.locks = nil, make(map[string]chan struct{})
}

// spawn is the start of a process on the machine.
func (m *machine) spawn() supervision.Claim { return m.system.spawn(time.Since(m.world.log.start)) }

// running returns the supervisors that there are.
func (m *machine) running() []*supervisor {
	m.processes.Lock()
	defer m.processes.Unlock()
	return slices.Clone(m.supervisors)
}

func (m *machine) adopt(s *supervisor) {
	m.processes.Lock()
	defer m.processes.Unlock()
	m.supervisors = append(m.supervisors, s)
}

func (m *machine) forget(s *supervisor) {
	m.processes.Lock()
	defer m.processes.Unlock()
	m.supervisors = slices.DeleteFunc(m.supervisors, func(o *supervisor) bool { return o == s })
}
