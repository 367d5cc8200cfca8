package mesh

import (
	"context"
	"fmt"
	"sync"
	"time"

	"receptor/mesh/wire"
	"receptor/transport"
)

// PingReply is the answer to a ping.
type PingReply struct {
	// From is the node that answered, or that reported the failure.
	From string
	// RTT is the time from ping to answer.
	RTT time.Duration
}

// PingAsync pings a node and calls done once, with the answer, an
// *UnreachableError and who reported it, ErrNoRoute, or an error that says that
// none came in time. done may be called before PingAsync returns, and must not
// block.
func (n *Node) PingAsync(target string, hopsToLive byte, timeout time.Duration, done func(PingReply, error)) {
	stop := n.ping(target, hopsToLive, done)
	stop.after(n.clock, timeout, fmt.Errorf("ping of %s: no answer in %v", target, timeout))
}

// Ping pings a node and waits for the answer. Errors are those of PingAsync,
// and that of ctx.
func (n *Node) Ping(ctx context.Context, target string, hopsToLive byte) (PingReply, error) {
	type result struct {
		reply PingReply
		err   error
	}
	results := make(chan result, 1)
	p := n.ping(target, hopsToLive, func(r PingReply, err error) { results <- result{r, err} })
	select {
	case r := <-results:
		return r.reply, r.err
	case <-ctx.Done():
		p.finish(PingReply{}, ctx.Err())
		r := <-results
		return r.reply, r.err
	}
}

// pinging is a ping under way.
type pinging struct {
	done func(PingReply, error)

	mu       sync.Mutex
	finished bool
	stop     func() // ends the service that the answer comes to
	timer    transport.Timer
}

func (n *Node) ping(target string, hopsToLive byte, done func(PingReply, error)) *pinging {
	p := &pinging{done: done, stop: func() {}}
	id, _, err := n.resolve(Addr{Node: target, Service: wire.ServicePing.String()})
	if err != nil {
		p.finish(PingReply{}, err)
		return p
	}
	sent := n.clock.Now()
	rtt := func() time.Duration { return n.clock.Now().Sub(sent) }
	name, stop, err := n.open("", &endpoint{
		datagram: func(from Addr, _ []byte) {
			if from.Node == id && from.Service == wire.ServicePing.String() {
				p.finish(PingReply{From: from.Node, RTT: rtt()}, nil)
			}
		},
		unreachable: func(u wire.Unreach, by string) {
			p.finish(PingReply{From: by, RTT: rtt()}, &UnreachableError{Problem: u.Problem, ReportedBy: by})
		},
		closed: func() { p.finish(PingReply{}, ErrClosed) },
	})
	if err != nil {
		p.finish(PingReply{}, err)
		return p
	}
	p.mu.Lock()
	p.stop = stop
	p.mu.Unlock()
	if err := n.send(name, wire.HashNode(id), wire.ServicePing, nil, hopsToLive); err != nil {
		p.finish(PingReply{}, err)
	}
	return p
}

// after lets the ping fail with err if it has not ended by then.
func (p *pinging) after(clock transport.Clock, d time.Duration, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.finished {
		p.timer = clock.AfterFunc(d, func() { p.finish(PingReply{}, err) })
	}
}

// finish ends the ping once; what comes later is ignored.
func (p *pinging) finish(r PingReply, err error) {
	p.mu.Lock()
	if p.finished {
		p.mu.Unlock()
		return
	}
	p.finished = true
	stop, timer := p.stop, p.timer
	p.mu.Unlock()
	stop()
	if timer != nil {
		timer.Stop()
	}
	p.done(r, err)
}
