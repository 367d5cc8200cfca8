package guest

import (
	"context"
	"io"
	"slices"
	"sync"

	"receptor/sim/deployed"
	"receptor/sim/deployed/receptor1"
	"receptor/sim/scenario"
)

// serveStreams has the daemon serve the streams of the workload that come to its node.
// That is done in its process, as who has the node for a library does: its proxies end
// both directions with the first, so that of what they pass on nothing could be claimed.
func (n *model) serveStreams(i *incarnation) error {
	w, id := i.machine.world, i.machine.id
	if !slices.ContainsFunc(w.scenario.Streams, func(v scenario.Stream) bool { return v.To == id }) {
		return nil
	}
	return n.daemon.Serve(streamService, deployed.Ad{}, func(c *receptor1.Conn) {
		w.serveStream(id, &deployedDuplex{Conn: c})
	})
}

// dialStream opens a stream in the process of the daemon.
func (m *machine) dialStream(to, service string) (duplex, error) {
	life := m.sender.Load()
	if life == nil || life.dead.Load() {
		return nil, errDead
	}
	life.own()
	defer disown()
	c, err := life.node.(*model).daemon.Dial(context.Background(), to, service)
	if err != nil {
		return nil, err
	}
	return &deployedDuplex{Conn: c}, nil
}

// deployedDuplex is a stream in the process of a deployed daemon, which has no other way to
// end it for good than to forget what is under way: it does that with a stream that fails.
type deployedDuplex struct {
	*receptor1.Conn

	mu          sync.Mutex
	wrote, read bool // to the end
}

// Read implements duplex.
func (d *deployedDuplex) Read(p []byte) (int, error) {
	n, err := d.Conn.Read(p)
	if err == io.EOF {
		d.mu.Lock()
		defer d.mu.Unlock()
		d.read = true
	}
	return n, err
}

// CloseWrite implements duplex.
func (d *deployedDuplex) CloseWrite() error {
	err := d.Conn.Close()
	if err == nil {
		d.mu.Lock()
		defer d.mu.Unlock()
		d.wrote = true
	}
	return err
}

// Close implements duplex. What went well the other end is left to end.
func (d *deployedDuplex) Close() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.wrote && d.read {
		return nil
	}
	return d.CloseConnection()
}
