package mesh

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"sync"
	"time"

	"github.com/quic-go/quic-go"

	"receptor/transport"
)

// Several streams on one connection.
//
// A connection costs a handshake, most of which is cryptography. So the dialer may
// open further streams on one that it has, if both ends agree on sharedALPN, which
// only DialShared offers. Each of these is a Conn of its own, and begins with a zero
// byte, as the first does. It ends by itself: a Close is what it is elsewhere, an
// Abort resets the stream alone.
//
// The word of an end that needs nothing more of a stream (closing.go) has the number
// of the stream in it here. A stream for which both have said so is over.

const (
	// carrierIdle is how long a dialer keeps a connection without streams. The
	// listener waits for longer, as the dialer may be about to open one.
	carrierIdle      = 30 * time.Second
	carrierAbandoned = 2 * carrierIdle
	// maxEarly bounds the words about streams that have not been accepted yet: all
	// that a dialer may have open.
	maxEarly = 100
	// streamAborted is the code of a stream that one end has aborted.
	streamAborted = quic.StreamErrorCode(codeError)
)

// carrier is a connection with several streams, at either end.
type carrier struct {
	node          *Node
	qc            *quic.Conn
	local, remote Addr
	dialed        bool // by this end

	mu      sync.Mutex
	conns   map[quic.StreamID]*Conn // those that are not over
	newest  quic.StreamID           // that has been in conns
	early   map[quic.StreamID]bool  // words about later ones, which are on their way
	retired bool                    // no more streams are opened
	idle    transport.Timer         // runs while conns is empty
}

func (n *Node) newCarrier(qc *quic.Conn, local, remote Addr, dialed bool) *carrier {
	k := &carrier{
		node: n, qc: qc, local: local, remote: remote, dialed: dialed,
		conns: make(map[quic.StreamID]*Conn), newest: -1, early: make(map[quic.StreamID]bool),
	}
	go k.listen()
	context.AfterFunc(qc.Context(), k.retire) // no timer is left
	return k
}

// shares tells whether a connection may have several streams. It waits for what TLS
// agrees upon.
func shares(qc *quic.Conn) bool {
	return qc.ConnectionState().TLS.NegotiatedProtocol == sharedALPN
}

// open opens another stream. It returns nil if the connection takes none: it has
// ended or is about to, or has as many as it may have.
func (k *carrier) open() *Conn {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.retired {
		return nil
	}
	stream, err := k.qc.OpenStream()
	if err == nil {
		_, err = stream.Write([]byte{0}) // which does not wait, as nothing is before it
	}
	if err != nil {
		return nil
	}
	return k.take(stream)
}

// add is take for a stream that the peer has opened.
func (k *carrier) add(stream *quic.Stream) *Conn {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.take(stream)
}

// take makes a Conn of a stream. It requires mu.
func (k *carrier) take(stream *quic.Stream) *Conn {
	c := newConn(k.node, k.qc, stream, k.local, k.remote)
	c.carrier, c.heard = k, make(chan struct{})
	c.ctx, c.over = context.WithCancel(k.qc.Context())
	k.newest = stream.StreamID()
	k.conns[k.newest] = c
	if k.idle != nil {
		k.idle.Stop()
	}
	if k.early[k.newest] {
		delete(k.early, k.newest)
		close(c.heard)
	}
	context.AfterFunc(stream.Context(), func() {
		var reset *quic.StreamError
		if errors.As(context.Cause(stream.Context()), &reset) && reset.Remote && reset.ErrorCode == streamAborted {
			k.release(c)
		}
	})
	return c
}

// release lets go of a stream that is over, or that either end has aborted.
func (k *carrier) release(c *Conn) {
	c.over()
	k.mu.Lock()
	defer k.mu.Unlock()
	id := c.stream.StreamID()
	if k.conns[id] != c {
		return
	}
	delete(k.conns, id)
	k.rest()
}

// rest has a connection without streams end, at once if there will be none. It
// requires mu.
func (k *carrier) rest() {
	switch wait := carrierIdle; {
	case len(k.conns) > 0 || k.qc.Context().Err() != nil:
	case k.retired:
		go k.qc.CloseWithError(codeNormal, textNormal)
	default:
		if !k.dialed {
			wait = carrierAbandoned
		}
		k.idle = k.node.clock.AfterFunc(wait, k.retire)
	}
}

// retire has the connection take no more streams, and end with the last that it has.
func (k *carrier) retire() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.retired = true
	if k.idle != nil {
		k.idle.Stop()
	}
	k.rest()
}

// leave is called for a stream that this end gives up. If the peer has said nothing on
// it, it may have begun anew, and not know the connection: the next one is not opened
// here.
func (k *carrier) leave(c *Conn) {
	if k.dialed && !c.spoken.Load() {
		k.retire()
	}
}

// say tells the peer that this end needs nothing more of a stream. Without that it
// would keep it for ever, so a connection on which it cannot be said ends.
func (k *carrier) say(id quic.StreamID) {
	word, err := k.qc.OpenUniStream()
	if err == nil {
		_, err = word.Write(binary.BigEndian.AppendUint64(nil, uint64(id)))
	}
	if err != nil {
		go k.qc.CloseWithError(codeError, err.Error())
		return
	}
	word.Close()
}

// listen takes in what the peer says of streams, until the connection ends.
func (k *carrier) listen() {
	for {
		word, err := k.qc.AcceptUniStream(k.qc.Context())
		if err != nil {
			return
		}
		id, err := io.ReadAll(io.LimitReader(word, 9))
		if err != nil || len(id) != 8 || !k.hear(quic.StreamID(binary.BigEndian.Uint64(id))) {
			k.qc.CloseWithError(codeError, "a unidirectional stream has the number of another, once")
			return
		}
	}
}

// hear takes in that the peer needs nothing more of a stream. It reports false for
// what no peer of ours says.
func (k *carrier) hear(id quic.StreamID) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	switch c := k.conns[id]; {
	case c != nil:
		select {
		case <-c.heard:
			return false
		default:
			close(c.heard)
		}
	case id > k.newest:
		k.early[id] = true
	}
	return len(k.early) <= maxEarly
}
