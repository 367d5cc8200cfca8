// Package receptor1 is a model of the rest of a deployed daemon, on top of the node
// that package deployed is: its streams, its control service and its units of work,
// local and remote (PROTOCOL sections 3 to 5). It has the habits of theirs that a peer
// feels (section 9): a status is written in place, and never synced; what was not
// running when the daemon ended has failed when it starts again; results end by a size
// that is polled, and those of a cancelled unit never; whoever submits to another node
// does so once, and does not notice when that fails in the background.
//
// It is written against the protocol and what such nodes were seen to do. TLS,
// signatures and the commands for people are not in it.
package receptor1

import (
	"context"
	"math/rand/v2"
	"net"
	"time"

	"receptor/mesh"
	"receptor/mesh/wire"
	"receptor/sim/deployed"
	"receptor/transport"
	"receptor/work/vfs"
)

// controlName is the control service of a node.
const controlName = "control"

// Node is the node that a daemon is around. It may be called from any goroutine.
type Node interface {
	ID() string
	Open(service string, e deployed.Endpoint, ad *deployed.Ad) (name string, stop func(), err error)
	SendDatagram(fromService string, to mesh.Addr, payload []byte, hops byte) error
}

// Config is what a daemon is made of.
type Config struct {
	Node  Node
	Clock transport.Clock
	// Rand makes the IDs of units.
	Rand rand.Source
	// FS has the units in DataDir/ID.
	FS        vfs.FS
	DataDir   string
	Processes Processes
	// WorkTypes are those whose units run a command, by what that is called.
	WorkTypes []string
	// Socket is where clients of this machine come to; nil: there is no such place.
	Socket net.Listener
	Log    func(format string, args ...any)
}

// Daemon is a model of a deployed daemon.
type Daemon struct {
	id    string
	node  Node
	clock transport.Clock
	log   func(format string, args ...any)
	units units
	ctx   context.Context
	end   context.CancelFunc
}

// Start starts a daemon, which takes up the units that are on its disk.
func Start(c Config) (*Daemon, error) {
	d := &Daemon{id: c.Node.ID(), node: c.Node, clock: c.Clock, log: c.Log}
	d.ctx, d.end = context.WithCancel(context.Background())
	d.units = newUnits(d, c)
	if err := d.units.takeUp(); err != nil {
		d.end()
		return nil, err
	}
	ad := deployed.Ad{Tags: map[string]string{"type": "Control Service"}}
	for _, t := range c.WorkTypes {
		ad.WorkCommands = append(ad.WorkCommands, wire.WorkCommand{WorkType: t})
	}
	if err := d.Serve(controlName, ad, func(c *Conn) { d.session(c) }); err != nil {
		d.end()
		return nil, err
	}
	if c.Socket != nil {
		context.AfterFunc(d.ctx, func() { c.Socket.Close() })
		go d.serveSocket(c.Socket)
	}
	return d, nil
}

func (d *Daemon) serveSocket(l net.Listener) {
	for {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		go func() {
			defer context.AfterFunc(d.ctx, func() { conn.Close() })()
			d.session(conn)
		}()
	}
}

// Close is the end of its process. The node is closed first, so that nobody is told.
func (d *Daemon) Close() { d.end() }

// pause waits for a while. It reports false if ctx is done before.
func (d *Daemon) pause(ctx context.Context, t time.Duration) bool {
	return pause(ctx, d.clock, t)
}

func pause(ctx context.Context, clock transport.Clock, t time.Duration) bool {
	over := make(chan struct{})
	defer clock.AfterFunc(t, func() { close(over) }).Stop()
	select {
	case <-over:
		return true
	case <-ctx.Done():
		return false
	}
}

// lock is a mutex that may be held while a disk or a machine takes its time.
type lock chan struct{}

func newLock() lock { return make(lock, 1) }

func (l lock) acquire() { l <- struct{}{} }
func (l lock) release() { <-l }
