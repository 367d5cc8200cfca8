package mesh

import (
	"cmp"
	"context"
	"crypto/tls"
	"fmt"
	"maps"
	"slices"
	"sync"
)

// shared are the connections on which DialShared opens streams.
type shared struct {
	mu sync.Mutex
	by map[sharedKey]*sharing
}

// sharedKey says where a connection leads, and whom it believes.
type sharedKey struct {
	remote Addr
	tls    string
}

func (k sharedKey) compare(o sharedKey) int {
	return cmp.Or(cmp.Compare(k.remote.Node, o.remote.Node), cmp.Compare(k.remote.Service, o.remote.Service), cmp.Compare(k.tls, o.tls))
}

// sharing is a connection that is there, or that somebody is about to make.
type sharing struct {
	dialed chan struct{} // closed once the rest is known

	err     error
	givenUp bool     // err is only that he wants it no more
	carrier *carrier // nil also if the peer takes one stream on each connection
}

// DialShared is [Node.Dial], but the stream is one of several on a connection, if the
// peer can do that. Those that DialShared has opened to the same service with the
// same name for tlsConfig share one; each is checked by the VerifyConnection of its
// own, as certificates expire.
//
// Such streams share flow control, and their turns among those that use a link: it is
// for those whose readers do not stop.
func (n *Node) DialShared(ctx context.Context, node, service, name string, tlsConfig *tls.Config) (*Conn, error) {
	key := sharedKey{Addr{Node: n.nodeID(node), Service: service}, name}
	conn, err := n.dialShared(ctx, key, tlsConfig)
	if err != nil {
		return nil, fmt.Errorf("dial %s: %w", key.remote, err)
	}
	return conn, nil
}

func (n *Node) dialShared(ctx context.Context, key sharedKey, tlsConfig *tls.Config) (*Conn, error) {
	for {
		s, first := n.shared.join(key)
		if first {
			conn, err := n.dial(ctx, key.remote, tlsConfig, sharedProtocols)
			n.shared.settle(ctx, key, s, conn, err)
			return conn, err
		}
		select {
		case <-s.dialed:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
		switch {
		case s.givenUp:
			continue
		case s.err != nil:
			return nil, s.err
		case s.carrier == nil:
			return n.dial(ctx, key.remote, tlsConfig, streamProtocols)
		case !n.Reachable(key.remote.Node):
			return nil, ErrNoRoute
		}
		if believes(tlsConfig, s.carrier) {
			if conn := s.carrier.open(); conn != nil {
				return conn, nil
			}
		}
		n.shared.drop(key, s) // a new one will tell what is wrong, if anything is
	}
}

// believes tells whether the peer of a connection would be believed if it were made
// now.
func believes(tlsConfig *tls.Config, k *carrier) bool {
	return tlsConfig == nil || tlsConfig.VerifyConnection == nil ||
		tlsConfig.VerifyConnection(k.qc.ConnectionState().TLS) == nil
}

// join returns the connection of a key. The first to ask for it makes it, and then
// calls settle.
func (p *shared) join(key sharedKey) (s *sharing, first bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if s = p.by[key]; s != nil {
		return s, false
	}
	s = &sharing{dialed: make(chan struct{})}
	if p.by == nil {
		p.by = make(map[sharedKey]*sharing)
	}
	p.by[key] = s
	return s, true
}

// settle says what has become of the dial: of those that wait for it, each opens a
// stream, or fails as it did, or makes another if only its ctx has ended.
func (p *shared) settle(ctx context.Context, key sharedKey, s *sharing, conn *Conn, err error) {
	if err != nil {
		s.err, s.givenUp = err, ctx.Err() != nil
		p.drop(key, s)
	} else {
		s.carrier = conn.carrier
		context.AfterFunc(conn.qc.Context(), func() { p.drop(key, s) })
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if s.carrier != nil && p.by[key] != s { // there was news of the route meanwhile
		s.carrier.retire()
	}
	close(s.dialed)
}

// drop has no further streams opened on a connection.
func (p *shared) drop(key sharedKey, s *sharing) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.by[key] == s {
		p.forget(key)
	}
}

// forget requires mu.
func (p *shared) forget(key sharedKey) {
	s := p.by[key]
	delete(p.by, key)
	select {
	case <-s.dialed:
		if s.carrier != nil {
			s.carrier.retire()
		}
	default:
	}
}

// rejoined has no further streams opened on the connections to nodes to which there
// was no route: they may have begun anew, and the others wait long to try again.
func (p *shared) rejoined(nodes []string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, key := range slices.SortedFunc(maps.Keys(p.by), sharedKey.compare) {
		if slices.Contains(nodes, key.remote.Node) {
			p.forget(key)
		}
	}
}
