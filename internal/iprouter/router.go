// Package iprouter carries IP packets between a network interface of this
// machine and the mesh (PROTOCOL section 6: ip-router). Each router advertises
// networks; a packet goes, as a datagram, to the router that advertises its
// destination.
//
// Neither is a packet taken from a node that does not advertise its source, nor
// one that is for none of the networks that this router advertises.
package iprouter

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"receptor/mesh"
	"receptor/transport"
)

// maxPacket is no shorter than any packet.
const maxPacket = 65535

// settleInterval is how often the routes of the machine are set again, in case
// that somebody has changed them.
const settleInterval = 30 * time.Second

// Device is a network interface of this machine. Read takes the next packet that
// the machine sends to it, Write has the machine receive one. After Close, both
// fail.
type Device interface {
	Read(p []byte) (int, error)
	Write(p []byte) (int, error)
	// SetRoutes has the machine send what is for these networks, and for none
	// that it was told before and is not told now, to the device.
	SetRoutes(networks []netip.Prefix) error
	Close() error
}

// Options are what a router needs. All fields are required.
type Options struct {
	// Own are the networks that this router advertises.
	Own []netip.Prefix
	// Device and Conn, a service of the mesh with addresses of type mesh.Addr,
	// belong to the router.
	Device Device
	Conn   net.PacketConn
	// Neighbours returns the other routers of the network that can be reached.
	Neighbours func() []Neighbour
	Clock      transport.Clock
	// Problem is told of what goes wrong. It may be called from any goroutine, and
	// must not block.
	Problem func(error)
}

// Router is a running router. Its methods may be called from any goroutine; New
// makes one.
type Router struct {
	opts    Options
	service string
	table   atomic.Pointer[table]
	told    [kinds]atomic.Bool // problems that have been reported

	changed chan struct{}   // holds a token when neighbours may have changed
	ctx     context.Context // ends at Close
	cancel  context.CancelFunc
	running sync.WaitGroup
}

// problems that are reported once only: each packet can cause one.
const (
	malformed = iota
	spoofed
	stray
	notSent
	notTaken
	kinds
)

// New makes a router.
func New(opts Options) *Router {
	r := &Router{opts: opts, service: opts.Conn.LocalAddr().(mesh.Addr).Service, changed: make(chan struct{}, 1)}
	r.ctx, r.cancel = context.WithCancel(context.Background())
	t, _ := newTable(opts.Own, nil)
	r.table.Store(t)
	return r
}

// Changed tells the router that its neighbours, or the ways to them, may have
// changed. It never blocks.
func (r *Router) Changed() {
	select {
	case r.changed <- struct{}{}:
	default:
	}
}

// Serve carries packets until the router is closed, or its device fails.
func (r *Router) Serve() {
	r.running.Go(r.learn)
	r.running.Go(r.fromMesh)
	err := r.fromDevice()
	if r.ctx.Err() == nil {
		r.opts.Problem(fmt.Errorf("the network interface has failed, and the router ends: %w", err))
		r.stop()
	}
	r.running.Wait()
}

// Close withdraws the service and removes the interface. Closing twice is
// harmless.
func (r *Router) Close() {
	r.stop()
	r.running.Wait()
}

func (r *Router) stop() {
	r.cancel()
	r.opts.Conn.Close()
	r.opts.Device.Close()
}

// fromDevice sends what comes from the machine to other nodes.
func (r *Router) fromDevice() error {
	buf := make([]byte, maxPacket)
	for {
		n, err := r.opts.Device.Read(buf)
		if err != nil {
			return err
		}
		// What has no destination in the mesh is dropped: a machine also sends what
		// is for the link itself, such as router solicitations.
		h, err := parse(buf[:n])
		if err != nil {
			continue
		}
		node, ok := r.table.Load().next(h.dst)
		if !ok {
			continue
		}
		if _, err := r.opts.Conn.WriteTo(buf[:n], mesh.Addr{Node: node, Service: r.service}); err != nil && r.ctx.Err() == nil {
			r.tell(notSent, fmt.Errorf("packet of %d bytes to %s, by node %s: %w", n, h.dst, node, err))
		}
	}
}

// fromMesh hands what comes from other nodes to the machine.
func (r *Router) fromMesh() {
	buf := make([]byte, maxPacket)
	for {
		n, from, err := r.opts.Conn.ReadFrom(buf)
		if err != nil {
			return // closed: there is no other error without a deadline
		}
		if kind, err := r.receive(buf[:n], from.(mesh.Addr).Node); err != nil && r.ctx.Err() == nil {
			r.tell(kind, err)
		}
	}
}

// receive hands on a packet of a node, or says why not.
func (r *Router) receive(packet []byte, node string) (kind int, err error) {
	h, err := parse(packet)
	if err != nil {
		return malformed, fmt.Errorf("packet from node %s dropped: %w", node, err)
	}
	switch t := r.table.Load(); {
	case !t.mayCome(h.src, node):
		return spoofed, fmt.Errorf("packet from node %s dropped: it does not advertise a network with the source, %s", node, h.src)
	case !t.isOwn(h.dst):
		return stray, fmt.Errorf("packet from node %s dropped: it is for %s, in no network that this router advertises", node, h.dst)
	}
	if _, err := r.opts.Device.Write(packet); err != nil {
		return notTaken, fmt.Errorf("packet of %d bytes from node %s: %w", len(packet), node, err)
	}
	return 0, nil
}

func (r *Router) tell(kind int, err error) {
	if !r.told[kind].Swap(true) {
		r.opts.Problem(fmt.Errorf("%w (the first of its kind; others are not reported)", err))
	}
}

// learn keeps the table and the routes of the machine as the neighbours are.
func (r *Router) learn() {
	var routes []netip.Prefix
	var problem string // that was reported last
	for settle := true; ; {
		t, err := newTable(r.opts.Own, r.opts.Neighbours())
		r.table.Store(t)
		if settle || !slices.Equal(t.learned, routes) {
			err = errors.Join(err, r.opts.Device.SetRoutes(t.learned))
			routes = t.learned
		}
		if err != nil && err.Error() != problem && r.ctx.Err() == nil {
			r.opts.Problem(err)
			problem = err.Error()
		}
		var more bool
		if settle, more = r.wait(); !more {
			return
		}
	}
}

// wait returns when neighbours may have changed, when it is time to settle, or,
// with more false, at the end.
func (r *Router) wait() (settle, more bool) {
	due := make(chan struct{})
	timer := r.opts.Clock.AfterFunc(settleInterval, func() { close(due) })
	defer timer.Stop()
	select {
	case <-r.changed:
		return false, true
	case <-due:
		return true, true
	case <-r.ctx.Done():
		return false, false
	}
}
