package guest

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"receptor/control"
	"receptor/internal/daemon"
	"receptor/internal/iprouter"
	"receptor/internal/supervision"
	"receptor/sim/eventlog"
	"receptor/sim/seed"
	"receptor/sim/skew"
	"receptor/transport"
	"receptor/transport/udp"
)

// incarnation is one life of a daemon, with all that it was given. Once it is
// dead, nothing that is left of the daemon has any effect.
type incarnation struct {
	machine  *machine
	self     supervision.Claim // who it is
	number   int               // of those of its machine, from 1
	label    context.Context   // of its goroutines: see own
	dead     atomic.Bool
	backends []acceptor
	holdings holdings
	links    openLinks
	rands    int
	booted   sync.Mutex
	daemon   program // guarded by booted; nil until it has started, and once it is closed
	ending   bool    // guarded by booted; it is to be closed, if need be once it has started
	node     node    // that of daemon, also once that is closed; set before it is the sender of datagrams, and before serves
	serves   bool    // the daemon has started; guarded by the mutex acting of the world
	old      bool    // it starts with the epoch of the first

	mu    sync.Mutex
	clock skew.Clock
}

// program is a daemon, or what stands for it.
type program interface{ Close() }

func (i *incarnation) check() error {
	if i.dead.Load() {
		return errDead
	}
	return nil
}

// Now implements transport.Clock.
func (i *incarnation) Now() time.Time {
	i.mu.Lock()
	defer i.mu.Unlock()
	start := i.machine.world.log.start
	return start.Add(i.clock.Shows(time.Since(start)))
}

// setDrift lets the clock run at another speed.
func (i *incarnation) setDrift(drift float64) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.clock.SetDrift(time.Since(i.machine.world.log.start), drift)
}

// wait returns how long it takes until the clock has gone on by d.
func (i *incarnation) wait(d time.Duration) time.Duration {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.clock.Wait(d)
}

// AfterFunc implements transport.Clock.
func (i *incarnation) AfterFunc(d time.Duration, f func()) transport.Timer {
	// Also once it is dead: nothing that it does then has an effect, and what still
	// waits for the clock can end.
	call := func() {
		i.own()
		i.machine.toil()
		f()
	}
	return i.holdings.startTimer(i.wait(d), f, func() { i.machine.whenAwake(call) })
}

// Write takes the log of the daemon.
func (i *incarnation) Write(line []byte) (int, error) {
	if !i.dead.Load() {
		i.machine.world.log.log(eventlog.Event{Kind: eventlog.LogLine, Node: i.machine.name, Text: strings.TrimSpace(string(line))})
	}
	return len(line), nil
}

// runs keeps the daemon of this life, unless that was over before it had started.
func (i *incarnation) runs(d program, n node) {
	i.booted.Lock()
	i.daemon = d
	ending := i.ending
	i.booted.Unlock()
	if ending {
		i.end()
		return
	}
	i.takeDatagrams(n)
}

// end closes the daemon, which takes a while, or has it closed when it has started.
func (i *incarnation) end() {
	i.booted.Lock()
	d := i.daemon
	i.daemon, i.ending = nil, true
	i.booted.Unlock()
	if d == nil {
		return
	}
	go func() {
		i.own()
		d.Close()
	}()
}

func (i *incarnation) readFile(name string) ([]byte, error) {
	return i.machine.files.read(name)
}

func (i *incarnation) host() daemon.Host {
	return daemon.Host{
		Clock:      i,
		NewRand:    i.newRand,
		Backends:   daemon.Backends{TCPListener: i.newListener, TCPDialer: i.newDialer, UDPListener: i.newUDPListener, UDPDialer: i.newUDPDialer}, // all that arguments asks for
		ReadFile:   i.readFile,
		ListenUnix: func(name string, _ fs.FileMode) (net.Listener, error) { return i.listen("unix", name) },
		Sockets: daemon.Sockets{
			Listen:       i.listen,
			ListenPacket: func(string, string) (net.PacketConn, error) { return nil, errAbsent },
			Dial:         i.dialSocket,
		},
		RunOnTerminal: func(string, ...string) (io.ReadWriteCloser, error) { return nil, errAbsent },
		OpenTUN:       func(string, netip.Prefix) (iprouter.Device, error) { return nil, errAbsent },
		FS:            heldFS{i.machine.disk.For(i.check), &i.holdings}, Processes: i,
		Tracing: daemon.Tracing{Events: i.observe},
		Info:    control.NodeInfo{Version: "simulated", SystemCPUCount: 1, SystemMemoryMiB: 1024},
	}
}

// newRand returns the next source of randomness.
func (i *incarnation) newRand() rand.Source {
	i.rands++
	source := i.random(i.number, i.rands)
	if i.old {
		return seed.Begin(i.random(1, i.rands).Uint64(), source)
	}
	return source
}

// random is the nth source of randomness of an incarnation.
func (i *incarnation) random(number, nth int) rand.Source {
	return seed.Source(i.machine.world.scenario.Seed, "full daemon", fmt.Sprintf("%s %d %d", i.machine.name, number, nth))
}

func (i *incarnation) cable(addr string) *cable {
	_, port, _ := net.SplitHostPort(addr)
	n, err := strconv.Atoi(port)
	if err != nil {
		panic("guest: an address that arguments has not given: " + addr)
	}
	return i.machine.world.cables[n-1]
}

func (i *incarnation) newListener(addr string, config *tls.Config, warn func(error)) transport.Backend {
	if config != nil {
		return counted{i.newSecureListener(addr, config, warn), i}
	}
	l := &listener{cable: i.cable(addr), life: i}
	i.backends = append(i.backends, l)
	return counted{l, i}
}

func (i *incarnation) newDialer(addr string, config *tls.Config, opts transport.DialOptions) transport.Backend {
	if config != nil {
		return counted{i.newSecureDialer(addr, config, opts), i}
	}
	c := i.cable(addr)
	return counted{transport.NewDialer("peer "+c.name, opts, func(ctx context.Context) (transport.Runner, error) { return c.dial(ctx, i) }), i}
}

func (i *incarnation) newUDPListener(addr string, idle time.Duration, warn func(error)) transport.Backend {
	return counted{udp.NewListener(addr, udp.ListenOptions{Net: udpNet{cable: i.cable(addr), life: i}, Clock: i, Idle: idle, Warn: warn}), i}
}

func (i *incarnation) newUDPDialer(addr string, opts transport.DialOptions) transport.Backend {
	return counted{udp.NewDialer(udpNet{cable: i.cable(addr), life: i}, addr, opts), i}
}

func (i *incarnation) listen(network, address string) (net.Listener, error) {
	if err := i.check(); err != nil {
		return nil, err
	}
	l, err := i.machine.sockets.listen(network, address, i)
	if err != nil {
		return nil, err
	}
	return l, nil
}

func (i *incarnation) dialSocket(_ context.Context, network, address string) (net.Conn, error) {
	if err := i.check(); err != nil {
		return nil, err
	}
	s, err := i.machine.sockets.dial(network, address, i)
	if err != nil {
		return nil, err
	}
	return s, nil
}
