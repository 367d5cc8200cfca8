package guest

import (
	"fmt"
	"math/rand/v2"
	"net"
	"slices"
	"strconv"
	"sync"
	"time"

	"receptor/mesh"
	"receptor/sim/belief"
	"receptor/sim/check"
	"receptor/sim/deployed"
	"receptor/sim/deployed/receptor1"
	"receptor/sim/scenario"
	"receptor/transport"
)

// node is what a run has of a node, whoever's it is.
type node interface {
	HandleDatagrams(service string, ad *mesh.Advertise, f func(from mesh.Addr, payload []byte)) (stop func(), err error)
	SendDatagram(fromService string, to mesh.Addr, payload []byte, hops byte) error
	// believes lets a checker look at the node's database and routes.
	believes(look func(check.State))
}

// ours is the node of a daemon.
type ours struct{ *mesh.Node }

func (n ours) believes(look func(check.State)) {
	n.Inspect(func(v mesh.View) { look(belief.Ours{View: v}) })
}

// model is a deployed daemon. Its node is for one thread at a time: that which has mu.
type model struct {
	mu       sync.Mutex
	node     *deployed.Node
	daemon   *receptor1.Daemon
	backends []transport.Backend
}

// modelClock calls the node under its mutex.
type modelClock struct {
	*incarnation
	mu *sync.Mutex
}

// AfterFunc implements transport.Clock.
func (c modelClock) AfterFunc(d time.Duration, f func()) transport.Timer {
	return c.incarnation.AfterFunc(d, func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		f()
	})
}

// modelLink is a link of the node, which takes its frames under its mutex.
type modelLink struct {
	transport.Receiver
	mu *sync.Mutex
}

// Receive implements transport.Receiver.
func (l modelLink) Receive(frame []byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.Receiver.Receive(frame)
}

// Closed implements transport.Receiver.
func (l modelLink) Closed(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.Receiver.Closed(err)
}

// startModel starts a deployed daemon with the links of its machine.
func (i *incarnation) startModel() (*model, error) {
	n := new(model)
	if err := n.startNode(i); err != nil {
		return nil, err
	}
	if err := n.startDaemon(i); err != nil {
		n.Close()
		return nil, err
	}
	return n, nil
}

func (n *model) startDaemon(i *incarnation) error {
	socket, err := i.listen("unix", controlSocket)
	if err != nil {
		return err
	}
	n.daemon, err = receptor1.Start(receptor1.Config{
		Node: n, Clock: i, Rand: i.newRand(), FS: heldFS{i.machine.disk.For(i.check), &i.holdings}, DataDir: dataDir, Processes: i,
		WorkTypes: []string{workType}, Socket: socket, Log: func(format string, args ...any) { fmt.Fprintf(i, format, args...) },
	})
	if err != nil {
		return err
	}
	return n.serveStreams(i)
}

func (n *model) startNode(i *incarnation) (err error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.node, err = deployed.New(deployed.Config{ID: i.machine.id, Clock: modelClock{i, &n.mu}, Rand: i.newRand(), Events: i.observe})
	if err != nil {
		return err
	}
	for number, c := range i.machine.world.cables {
		side := slices.Index(c.machines[:], i.machine)
		if side < 0 {
			continue
		}
		b := i.newBackend(c, side, net.JoinHostPort("127.0.0.1", strconv.Itoa(number+1)))
		err := b.Start(func(l transport.Link) transport.Receiver {
			n.mu.Lock()
			defer n.mu.Unlock()
			return modelLink{n.node.Attach(l, mesh.LinkOptions{Cost: c.link.Cost}), &n.mu}
		})
		if err != nil {
			return err
		}
		n.backends = append(n.backends, b)
	}
	return nil
}

// newBackend makes the backend of one end of a cable.
func (i *incarnation) newBackend(c *cable, side int, addr string) transport.Backend {
	const idle = 21 * time.Second // that of deployed nodes
	ignore := func(error) {}
	opts := transport.DialOptions{Redial: true, Clock: i, Rand: rand.New(i.newRand()), Warn: ignore}
	switch udp := c.link.Backend == scenario.UDP; {
	case udp && side == listenEnd:
		return i.newUDPListener(addr, idle, ignore)
	case udp:
		return i.newUDPDialer(addr, opts)
	case side == listenEnd:
		return i.newListener(addr, nil, ignore)
	}
	return i.newDialer(addr, nil, opts)
}

// Close ends the node, as the end of its process does.
func (n *model) Close() {
	n.mu.Lock()
	n.node.Close()
	n.mu.Unlock()
	if n.daemon != nil {
		n.daemon.Close()
	}
	for _, b := range n.backends {
		b.Close()
	}
}

// ID implements receptor1.Node.
func (n *model) ID() string { return n.node.ID() }

// Open implements receptor1.Node.
func (n *model) Open(service string, e deployed.Endpoint, ad *deployed.Ad) (name string, stop func(), err error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	name, end, err := n.node.Open(service, e, ad)
	return name, n.locked(end), err
}

// locked returns a function that is called under the mutex of the node.
func (n *model) locked(f func()) func() {
	return func() {
		n.mu.Lock()
		defer n.mu.Unlock()
		f()
	}
}

// HandleDatagrams implements node.
func (n *model) HandleDatagrams(service string, ad *mesh.Advertise, f func(from mesh.Addr, payload []byte)) (stop func(), err error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	end, err := n.node.HandleDatagrams(service, ad, f)
	return n.locked(end), err
}

// SendDatagram implements node.
func (n *model) SendDatagram(from string, to mesh.Addr, payload []byte, hops byte) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.node.SendDatagram(from, to, payload, hops)
}

func (n *model) believes(look func(check.State)) {
	n.mu.Lock()
	defer n.mu.Unlock()
	look(belief.Deployed{Status: n.node.Status()})
}

// ping waits for the answer to a ping of the node.
func (n *model) ping(to string) error {
	const timeout = 10 * time.Second
	done := make(chan error, 1)
	n.mu.Lock()
	n.node.PingAsync(to, mesh.MaxHops, timeout, func(_ mesh.PingReply, err error) { done <- err })
	n.mu.Unlock()
	return <-done
}
