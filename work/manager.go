package work

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"net"
	"slices"
	"strings"
	"sync"
	"time"

	"receptor/transport"
	"receptor/work/vfs"
)

// Conn is a stream to a service of another node.
type Conn interface {
	net.Conn
	// CloseWrite tells the other node that nothing more will be written.
	CloseWrite() error
	// Abort ends the connection at once: the other node sees an error, where
	// Close would have it see a regular end.
	Abort(reason string)
	// Recheck returns why the other node would not be believed if the connection were
	// made now: certificates expire, and authorities change. Without TLS it is nil.
	Recheck() error
}

// ErrTLS marks errors of Options.Dial that come from the TLS configuration of
// either end. They end a unit that has not started.
var ErrTLS = errors.New("TLS failure")

// errStopping is what commands are told after Close.
var errStopping = errors.New("the node is stopping")

func unknownUnit(id string) error { return fmt.Errorf("unknown work unit %s", id) }

// Options are what a Manager needs from its surroundings. All but Lock, Sign, Verify
// and Events are required.
type Options struct {
	// NodeID is the node whose units these are.
	NodeID string
	// Dir is where they are kept, DATADIR/NODEID; nobody else changes it.
	Dir string
	FS  vfs.FS
	// Lock keeps other processes from using Dir, which is there by now, until unlock
	// is called. Nil means that there are no others.
	Lock func(dir string) (unlock func(), err error)
	// Clock is the only source of time.
	Clock transport.Clock
	// Rand makes unit IDs, and the secrets in keys of submissions: who has seen the
	// former must not be able to foretell the latter. In production it must be
	// cryptographically strong, such as a rand.ChaCha8 with a seed of crypto/rand. The
	// Manager alone uses it.
	Rand rand.Source
	// Processes runs commands.
	Processes Processes
	// Dial opens a stream to a service of another node, with the TLS client
	// configuration of that name, or none if it is empty. It returns an error
	// when ctx ends.
	Dial func(ctx context.Context, node, service, tlsClient string) (Conn, error)
	// Features returns what the control service of a node advertises in its tag
	// "features", and whether it is advertised at all at present. It is called
	// with a unit's lock held or none.
	Features func(node string) (features []string, known bool)
	// Sign returns a signature for a command to another node, of which it gets
	// the hash; nil if this node has no key for that.
	Sign func(node, command string) (string, error)
	// Verify returns an error unless a signature vouches for the command with
	// that hash, given to this node; nil if this node has no key for that.
	Verify func(signature, command string) error
	// MaxPendingRelease is how long the release of a unit may be impossible,
	// because its node cannot be reached, before the unit is forgotten here; the
	// release is carried out when the node returns. Zero means no limit.
	MaxPendingRelease time.Duration
	// MinFree is how many bytes on the disk of Dir the inputs and outputs of units
	// must leave free; 0 means that nobody looks.
	MinFree int64
	// Events is called for every event, possibly with a lock held: it must not
	// block nor call into the Manager. Calls may overlap.
	Events func(Event)
}

// Manager owns the units of work of a node. Its methods may be called from any
// goroutine.
type Manager struct {
	nodeID    string
	store     store
	keys      *keys
	places    places
	clock     transport.Clock
	processes Processes
	dial      func(ctx context.Context, node, service, tlsClient string) (Conn, error)
	features  func(node string) (features []string, known bool)
	sign      func(node, command string) (string, error)
	verify    func(signature, command string) error
	patience  time.Duration // MaxPendingRelease
	floor     *Floor
	events    func(Event)

	// ctx ends at Close, and with it the exchanges with other nodes, which
	// exchanges counts.
	ctx       context.Context
	cancel    context.CancelFunc
	exchanges sync.WaitGroup

	sessions sessions

	pulls   sync.Mutex // taken while that of a unit is held
	pullers map[pullKey]*puller

	// starting is held while units of former runs are taken up, and before the locks
	// of these.
	starting   sync.Mutex
	startAgain transport.Timer
	lock       func(dir string) (unlock func(), err error)
	unlock     func() // nil while the directory is not locked

	mu     sync.Mutex // last in order: no unit is called under it
	closed bool
	// unavailable is why units of former runs are not taken up yet.
	unavailable error
	rand        *rand.Rand
	types       map[string]Type
	units       map[string]runner // nil for one that is being made
	// damaged are those that are in quarantine; some of them, which could not be read
	// just then, only until the next try.
	damaged map[string]error
	// owed are those that are forgotten here and still to be released elsewhere.
	owed   map[string]*remote
	names  map[remoteName]string // of units on other nodes, to those here
	wakeUp wakeUps
	// settling is there while units are to leave the journal.
	settling transport.Timer
}

// NewManager returns a manager that knows neither types nor units yet.
func NewManager(o Options) *Manager {
	m := &Manager{
		nodeID:    o.NodeID,
		store:     newStore(o.FS, o.Dir),
		lock:      o.Lock,
		clock:     o.Clock,
		processes: o.Processes,
		dial:      o.Dial,
		features:  o.Features,
		sign:      o.Sign,
		verify:    o.Verify,
		floor:     NewFloor(o.FS, o.Dir, o.MinFree),
		events:    o.Events,
		rand:      rand.New(o.Rand),
		types:     make(map[string]Type),
		units:     make(map[string]runner),
		damaged:   make(map[string]error),
		owed:      make(map[string]*remote),
		names:     make(map[remoteName]string),
		patience:  o.MaxPendingRelease,
		pullers:   make(map[pullKey]*puller),
		sessions:  sessions{clock: o.Clock, idle: make(map[pullKey][]*idleSession)},
	}
	m.floor.tell = m.spaceChanged
	m.keys = newKeys(m.store)
	m.ctx, m.cancel = context.WithCancel(context.Background())
	return m
}

// AddType makes a work type known, before Start. An error means that it cannot
// be used: the name is taken, reserved or empty, or Params do not split.
func (m *Manager) AddType(t Type) error {
	if _, err := splitParams(t.Params); err != nil {
		return fmt.Errorf("work type %s: %w", t.Name, err)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	switch _, taken := m.types[t.Name]; {
	case taken:
		return fmt.Errorf("work type %s is there already", t.Name)
	case t.Name == "" || strings.EqualFold(t.Name, remoteType):
		return fmt.Errorf("a work type cannot be named %q", t.Name)
	}
	m.types[t.Name] = t
	return nil
}

// Close stops following units: those that run go on running, here and on other
// nodes, and the next Start takes them up again. It returns when no exchange
// with another node is under way.
func (m *Manager) Close() {
	m.mu.Lock()
	m.closed = true
	m.wakeUp.stop()
	if m.settling != nil {
		m.settling.Stop()
	}
	m.mu.Unlock()
	m.endStart()
	for _, r := range m.all() {
		r.stop()
	}
	for _, r := range m.allOwed() {
		r.stop()
	}
	m.cancel()
	m.exchanges.Wait()
	m.sessions.close()
	m.keys.close()
	_ = m.store.young.Close() // what it could not write out comes back with the next start
	if m.unlock != nil {
		m.unlock()
	}
}

// all returns the units in the order of their IDs.
func (m *Manager) all() []runner {
	m.mu.Lock()
	defer m.mu.Unlock()
	list := make([]runner, 0, len(m.units))
	for _, id := range slices.Sorted(maps.Keys(m.units)) {
		if r := m.units[id]; r != nil {
			list = append(list, r)
		}
	}
	return list
}

func (m *Manager) allOwed() []*remote {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Collect(maps.Values(m.owed))
}

// create makes a unit with the given status, on disk and in the table. runs says how it
// is carried out.
func (m *Manager) create(s Status, runs func(*unit) runner) (runner, error) {
	id, err := m.reserveID()
	if err != nil {
		return nil, err
	}
	if err := m.store.create(id, s); err != nil {
		m.forget(id)
		m.emit(UnitProblem{Unit: id, Err: err})
		return nil, err
	}
	m.settleJournalLater()
	r := runs(newUnit(m, id, s))
	m.mu.Lock()
	m.units[id] = r
	closed := m.closed
	m.mu.Unlock()
	if closed {
		r.stop() // Close did not see it
		return nil, errStopping
	}
	m.emit(UnitChanged{Unit: id, State: s.State, Detail: s.Detail})
	return r, nil
}

// reserveID returns a unit ID that neither the table nor the disk has: on disk
// there may be units that could not be read.
func (m *Manager) reserveID() (string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return "", errStopping
	}
	const tries = 100 // one is enough unless the disk is broken
	for range tries {
		id := randomUnitID(m.rand)
		if _, taken := m.units[id]; !taken && !m.store.isTaken(id) {
			m.units[id] = nil
			return id, nil
		}
	}
	return "", fmt.Errorf("no free unit ID found: is %s readable?", m.store.dir)
}

func (m *Manager) forget(id string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.units, id)
}

// find returns a unit by the ID that a client gave, which may be anything.
func (m *Manager) find(id string) (runner, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if r := m.units[id]; r != nil {
		return r, nil
	}
	switch why, ok := m.damaged[id]; {
	case ok && isUnread(why):
		return nil, fmt.Errorf("%s work unit %s: %w (tried again every %v)", unavailableText, id, why, retryPause)
	case ok:
		return nil, fmt.Errorf("work unit %s is damaged, and kept as it is until it is released by force: %w", id, why)
	}
	return nil, unknownUnit(id)
}

func (m *Manager) lookupType(name string) (Type, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	t, ok := m.types[name]
	return t, ok
}

func (m *Manager) emit(e Event) {
	if m.events != nil {
		m.events(e)
	}
}

// withTimeout is context.WithTimeout on the manager's clock.
func (m *Manager) withTimeout(ctx context.Context, d time.Duration) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(ctx)
	timer := m.clock.AfterFunc(d, func() { cancel(context.DeadlineExceeded) })
	return ctx, func() {
		timer.Stop()
		cancel(context.Canceled)
	}
}
