// Package daemon makes a running node of a configuration. Everything that a
// node takes from its surroundings comes in by Host, so cmd/receptor, the
// simulator's full engine and tests all start nodes here.
package daemon

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"net"
	"net/netip"
	"path"
	"strings"
	"sync"

	"receptor/control"
	"receptor/internal/config"
	"receptor/internal/iprouter"
	"receptor/mesh"
	"receptor/transport"
	"receptor/work"
	"receptor/work/vfs"
)

// controlService is the service by which nodes give work to each other
// (PROTOCOL section 5).
const controlService = "control"

// featuresTag is the tag of control services whose value lists, with commas,
// what the node can do beyond deployed ones.
const featuresTag = "features"

// Host is what a node gets from its surroundings. All fields but LockDir, Reload
// and Tracing are required.
type Host struct {
	Clock transport.Clock
	// NewRand returns a source of randomness of its own for each caller.
	NewRand  func() rand.Source
	Backends Backends
	// ReadFile reads certificates and keys.
	ReadFile func(name string) ([]byte, error)
	// ListenUnix listens on a Unix socket.
	ListenUnix func(filename string, permissions fs.FileMode) (net.Listener, error)
	Sockets    Sockets
	// RunOnTerminal starts a command for one stream of a command-service; see
	// package host.
	RunOnTerminal func(command string, args ...string) (io.ReadWriteCloser, error)
	// OpenTUN makes a network interface for an ip-router; see package host.
	OpenTUN func(name string, local netip.Prefix) (iprouter.Device, error)
	// FS and Processes are for units of work.
	FS        vfs.FS
	Processes work.Processes
	// LockDir keeps other processes from using the directory with units; see package
	// host. Nil means that there are none.
	LockDir func(dir string) (unlock func(), err error)
	// Info is what status tells of the machine and the program.
	Info control.NodeInfo
	// Reload reads the configuration again; nil if it is in no file.
	Reload func() (*config.Config, error)
	// Tracing helps to find mistakes.
	Tracing Tracing
}

// Daemon is a running node.
type Daemon struct {
	host Host
	log  *Log

	reloading sync.Mutex // held by a start and a reload, and for these:
	cfg       *config.Config
	backends  []runningBackend // of cfg.Backends(), in their order
	closed    bool

	tls      tlsConfigs
	node     *mesh.Node
	work     *work.Manager
	server   *control.Server
	reach    *reachQueue
	expiry   daily
	topology topology
	// Lines of which others can cause any number, by kinds.
	dropped, accepted, challenged    scarce // frames, and links
	dialRefused                      refusals
	forgotten, suspected, duplicates scarce // nodes
	unheeded                         scarce // what peers are told
	refused, control                 scarce // streams, and clients
	units, space                     scarce // work
	peers                            scarceBy

	services []service
	serving  sync.WaitGroup
	failed   chan error
}

// DuplicateIDError says that the node has left the mesh because an older node
// uses its ID.
type DuplicateIDError struct{ ID string }

// Error implements error.
func (e *DuplicateIDError) Error() string {
	return fmt.Sprintf("node ID %q is already in use in this mesh, by a node that was there first: give this node another ID", e.ID)
}

// Start starts the node of a configuration. It returns an error, and leaves
// nothing running, if any part of it cannot start.
func Start(cfg *config.Config, host Host, log *Log) (*Daemon, error) {
	d := &Daemon{cfg: cfg, host: host, log: log, failed: make(chan error, 1)}
	d.reloading.Lock() // who asks for a reload by now waits for the start
	err := d.start()
	d.reloading.Unlock()
	if err != nil {
		d.Close()
		return nil, advised(err)
	}
	log.Infof("Initialization complete")
	return d, nil
}

// Failed yields the error that ends the node, if one does; Close it then.
func (d *Daemon) Failed() <-chan error { return d.failed }

// fail reports the first error that ends the node.
func (d *Daemon) fail(err error) {
	select {
	case d.failed <- err:
	default:
	}
}

func (d *Daemon) start() error {
	d.reach = newReachQueue(func(node string, reachable bool) {
		if reachable {
			d.work.NodeReachable(node)
		} else {
			d.work.NodeUnreachable(node)
		}
	})
	if err := d.startTLS(); err != nil {
		return err
	}
	d.expiry.start(d.host.Clock, d.warnExpiry)
	if err := d.startWork(); err != nil {
		return err
	}
	if err := d.startNode(); err != nil {
		return err
	}
	if err := d.startControl(); err != nil {
		return err
	}
	if err := d.startServices(); err != nil {
		return err
	}
	return d.startBackends()
}

func (d *Daemon) startNode() error {
	cfg := mesh.Config{
		ID:          d.cfg.Node.ID,
		Clock:       d.host.Clock,
		Rand:        d.host.NewRand(),
		MaxIdleLink: d.cfg.Node.MaxIdleConnectionTimeout,
		Firewall:    d.cfg.Node.FirewallRules,
		Events:      d.meshEvent,
		QLog:        d.host.Tracing.QLog,
	}
	if d.cfg.Trace {
		cfg.Trace = d.traceDatagram
	}
	node, err := mesh.New(cfg)
	if err != nil {
		return fmt.Errorf("%s: node: %w", d.cfg.Node.Where, err)
	}
	d.node = node
	node.SetWorkTypes(d.work.WorkCommands())
	d.work.Start() // a node that cannot keep units of work is still a node of the mesh
	return nil
}

func (d *Daemon) startWork() error {
	opts := work.Options{
		NodeID:    d.cfg.Node.ID,
		Dir:       path.Join(d.cfg.Node.DataDir, d.cfg.Node.ID),
		FS:        d.host.FS,
		Lock:      d.host.LockDir,
		Clock:     d.host.Clock,
		Rand:      d.host.NewRand(),
		Processes: d.host.Processes,
		Dial:      d.dialWork,
		Features:  d.featuresOf,

		MaxPendingRelease: d.cfg.Node.MaxPendingRelease,

		MinFree: d.cfg.Node.MinFreeSpace,
		Events:  d.workEvent,
	}
	if err := d.signWork(&opts); err != nil {
		return err
	}
	d.work = work.NewManager(opts)
	for _, wc := range d.cfg.WorkCommands {
		err := d.work.AddType(work.Type{
			Name: wc.WorkType, Command: wc.Command, Params: wc.Params,
			AllowRuntimeParams: wc.AllowRuntimeParams, VerifySignature: wc.VerifySignature,
			MaxParallel: wc.MaxParallel, MaxOutput: wc.MaxOutput, SeparateStderr: wc.Stderr == config.StderrSeparate,
		})
		if err != nil {
			return fmt.Errorf("%s: work-command: %w", wc.Where, err)
		}
	}
	return nil
}

func (d *Daemon) dialWork(ctx context.Context, node, service, tlsClient string) (work.Conn, error) {
	cfg, err := d.tls.forNode(tlsClient, node)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", work.ErrTLS, err)
	}
	conn, err := d.node.DialShared(ctx, node, service, tlsClient, cfg)
	if errors.Is(err, mesh.ErrTLS) {
		return nil, fmt.Errorf("%w: %w", work.ErrTLS, err)
	}
	if err != nil {
		return nil, err
	}
	return workConn{conn, cfg}, nil
}

// workConn has errors that package work knows.
type workConn struct {
	*mesh.Conn
	tls *tls.Config // nil: none
}

// Recheck implements work.Conn.
func (c workConn) Recheck() error {
	if c.tls == nil {
		return nil
	}
	return c.tls.VerifyConnection(c.TLS())
}

// Read implements work.Conn.
func (c workConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if errors.Is(err, mesh.ErrTLS) { // the other node does not believe this one, which is known only now
		err = fmt.Errorf("%w: %w", work.ErrTLS, err)
	}
	return n, err
}

// featuresOf returns what the control service of a node can do beyond those of
// deployed nodes.
func (d *Daemon) featuresOf(node string) (features []string, known bool) {
	ad, known := d.node.Service(node, controlService)
	return strings.Split(ad.Tags[featuresTag], ","), known
}

// Node is the node of the mesh, for a program that has the daemon in it and sends
// datagrams of its own. It ends with the daemon.
func (d *Daemon) Node() *mesh.Node { return d.node }

// CheckAlive returns once the node has given it the lock that all it does needs.
func (d *Daemon) CheckAlive() { d.node.Inspect(func(mesh.View) {}) }

// Close stops the node: its services are withdrawn, peers see the links end,
// and units of work go on under their supervisors. It returns when all that
// the node started has ended.
func (d *Daemon) Close() {
	d.reloading.Lock()
	d.closed = true
	d.reloading.Unlock()
	for _, s := range d.services {
		s.Close()
	}
	if d.server != nil {
		d.server.Close()
	}
	d.serving.Wait()
	if d.work != nil {
		d.work.Close()
	}
	if d.node != nil {
		d.node.Close()
	}
	closeBackends(d.backends)
	d.reach.close()
	d.expiry.stop()
}
