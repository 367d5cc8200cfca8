package guest

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strconv"
	"sync"
	"time"

	"receptor/sim/eventlog"
	"receptor/sim/scenario"
	"receptor/sim/seed"
)

const (
	// streamService is the service of the mesh that streams go to, secureService that
	// with TLS.
	streamService = "stream"
	secureService = "secure"
	// streamAddress is where the process behind these services listens.
	streamAddress = "127.0.0.1:9"
	// firstProxy is the port of the proxy for the first stream.
	firstProxy = 20000
	// streamPiece is how much an end writes at once.
	streamPiece = 16 << 10
)

// Ends of a stream, as events name them.
const (
	clientEnd  = "client"
	serviceEnd = "service"
)

func proxyAddress(number int) string { return "127.0.0.1:" + strconv.Itoa(firstProxy+number) }

// serviceOf is the service that a stream goes to.
func serviceOf(v scenario.Stream) string {
	if v.TLS.Service() {
		return secureService
	}
	return streamService
}

// clientItem is the tls-client that a stream is made with, "" for none.
func clientItem(t scenario.TLS) string {
	if t.Client() {
		return tlsItem
	}
	return ""
}

// streamArguments are what the daemon of a node is told about streams.
func streamArguments(s *scenario.Scenario, node string) (args []string) {
	serves := make(map[string]bool)
	for n, v := range s.Streams {
		if v.From == node && v.By != scenario.ByConnect {
			args = append(args, "--tcp-server", "bindaddr=127.0.0.1", "port="+strconv.Itoa(firstProxy+n+1),
				"remotenode="+v.To, "remoteservice="+serviceOf(v))
			if v.TLS.Client() {
				args = append(args, "tlsclient="+clientItem(v.TLS))
			}
		}
		if v.To == node {
			serves[serviceOf(v)] = true
		}
	}
	if serves[streamService] {
		args = append(args, "--tcp-client", "service="+streamService, "address="+streamAddress)
	}
	if serves[secureService] {
		args = append(args, "--tcp-client", "service="+secureService, "address="+streamAddress, "tlsserver="+tlsItem)
	}
	return args
}

// playStreams opens the streams, each at its time, and answers them.
func (w *world) playStreams() {
	for _, n := range w.scenario.Nodes {
		m := w.machines[n.ID]
		l, err := m.sockets.listen("tcp", streamAddress, nil)
		if err != nil {
			panic("guest: nobody else listens there: " + err.Error())
		}
		w.services = append(w.services, l)
		go func() {
			for {
				conn, err := l.Accept()
				if err != nil {
					return
				}
				go w.serveStream(n.ID, conn)
			}
		}()
	}
	for n := range w.scenario.Streams {
		go w.openStream(n + 1)
	}
}

// duplex is one end of a stream in the hands of a process.
type duplex interface {
	io.ReadWriteCloser
	CloseWrite() error
}

// streamEnd is a process that reads and writes a stream.
type streamEnd struct {
	scenario.Stream
	number     int
	node, side string
	world      *world
	conn       duplex
	peers      *acquaintance // of the client

	mu    sync.Mutex
	moved time.Time // when bytes last went in or out, or a pause ended
	got   int
}

// openStream is the client of a stream.
func (w *world) openStream(number int) {
	v := w.scenario.Streams[number-1]
	time.Sleep(v.At)
	e := w.newEnd(number, clientEnd)
	conn, err := e.connect()
	if err == nil {
		_, err = conn.Write(binary.BigEndian.AppendUint64(nil, uint64(number)))
	}
	if err != nil {
		e.tell(eventlog.Closed, err)
		return
	}
	e.run(conn, v.Send, v.Receive, atOnce)
}

// connect connects the client to its node.
func (e *streamEnd) connect() (duplex, error) {
	if m := e.world.machines[e.node]; m.kind == scenario.KindDeployed {
		return m.dialStream(e.To, serviceOf(e.Stream))
	}
	if e.By != scenario.ByConnect {
		return e.world.machines[e.node].sockets.dial("tcp", proxyAddress(e.number), nil)
	}
	c, err := e.world.client(e.node)
	if err != nil {
		return nil, err
	}
	conn, err := c.Connect(e.To, serviceOf(e.Stream), clientItem(e.TLS))
	if err != nil {
		c.Close()
		return nil, err
	}
	return conn, nil
}

// serveStream is the service of a stream, which says its number first.
func (w *world) serveStream(node string, c io.ReadWriteCloser) {
	conn := c.(duplex)
	number := make([]byte, 8)
	if _, err := io.ReadFull(conn, number); err != nil {
		conn.Close() // the client never came to it
		return
	}
	n := int(binary.BigEndian.Uint64(number))
	if n < 1 || n > len(w.scenario.Streams) {
		w.log.log(eventlog.Event{Kind: eventlog.Closed, Node: node, Text: serviceEnd, Stream: 1, Problem: fmt.Sprintf("%v: it begins with %x", errAltered, number)})
		conn.Close()
		return
	}
	e := w.newEnd(n, serviceEnd)
	e.run(conn, e.Receive, e.Send, e.order())
}

func (w *world) newEnd(number int, side string) *streamEnd {
	v := w.scenario.Streams[number-1]
	e := &streamEnd{Stream: v, number: number, side: side, node: v.From, world: w, moved: time.Now()}
	if side == serviceEnd {
		e.node = v.To
		return e
	}
	e.peers = w.acquaint(v.TLS, v.From, v.To)
	return e
}

// errAltered marks bytes that are not those that were written.
var errAltered = errors.New("the bytes differ from those that were written")

// order is in which order an end reads and writes.
type order int

const (
	atOnce order = iota
	readFirst
	writeFirst
)

// order returns that of the service.
func (e *streamEnd) order() order {
	switch {
	case e.HalfClose:
		return readFirst
	case e.WriteFirst:
		return writeFirst
	}
	return atOnce
}

// run reads and writes until both directions have ended, or one of them has
// failed.
func (e *streamEnd) run(conn duplex, send, receive int, o order) {
	e.conn = conn
	e.tell(eventlog.Opened, nil)
	e.world.ends.add(e)
	read, over := make(chan struct{}), make(chan struct{})
	var first chan struct{}
	if o == readFirst {
		first = read
	}
	var wrote error
	var writing sync.WaitGroup
	writing.Go(func() { wrote = e.write(send, first, over) })
	if o == writeFirst {
		writing.Wait()
	}
	err := e.read(receive)
	if err != nil {
		close(over)
		conn.Close()
		writing.Wait()
	} else {
		close(read)
		writing.Wait()
		close(over)
		err = wrote
		conn.Close()
	}
	e.world.ends.remove(e)
	e.tell(eventlog.Closed, err)
}

// pattern is what an end writes.
func (e *streamEnd) pattern(side string) *rand.Rand {
	return seed.Rand(e.world.scenario.Seed, "stream "+side, strconv.Itoa(e.number))
}

func (e *streamEnd) write(size int, first, over <-chan struct{}) error {
	if first != nil {
		select {
		case <-first:
		case <-over:
			return nil
		}
	}
	r := e.pattern(e.side)
	if err := e.send(r, size/2); err != nil {
		return err
	}
	if e.Idle > 0 && !e.pause(over) {
		return nil
	}
	if err := e.send(r, size-size/2); err != nil {
		return err
	}
	return e.conn.CloseWrite()
}

// send writes so many bytes of a pattern.
func (e *streamEnd) send(r *rand.Rand, size int) error {
	for size > 0 {
		piece := make([]byte, min(streamPiece, size))
		for i := range piece {
			piece[i] = byte(r.Uint32())
		}
		if _, err := e.conn.Write(piece); err != nil {
			return err
		}
		size -= len(piece)
		e.progress(0, 0)
	}
	return nil
}

// pause says nothing for a while, or until all is over.
func (e *streamEnd) pause(over <-chan struct{}) bool {
	e.progress(0, e.Idle)
	t := time.NewTimer(e.Idle)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-over:
		return false
	}
}

// progress notes that bytes were read, or that something will happen in a while.
func (e *streamEnd) progress(bytes int, in time.Duration) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.got += bytes
	if at := time.Now().Add(in); at.After(e.moved) {
		e.moved = at
	}
}

// read reads what the other end writes, to its end.
func (e *streamEnd) read(size int) error {
	r := e.pattern(map[string]string{clientEnd: serviceEnd, serviceEnd: clientEnd}[e.side])
	buf := make([]byte, streamPiece)
	for got := 0; ; {
		n, err := e.conn.Read(buf)
		for i, b := range buf[:n] {
			if want := byte(r.Uint32()); b != want || got+i >= size {
				return fmt.Errorf("%w: byte %d of %d", errAltered, got+i, size)
			}
		}
		got += n
		e.progress(n, 0)
		switch {
		case err == io.EOF && got < size:
			return fmt.Errorf("%w after %d bytes of %d", io.ErrUnexpectedEOF, got, size)
		case err == io.EOF:
			return nil
		case err != nil:
			return err
		}
	}
}

func (e *streamEnd) tell(kind eventlog.Kind, err error) {
	v := eventlog.Event{Kind: kind, Node: e.node, Stream: e.number, Text: e.side, Problem: text(err)}
	if kind == eventlog.Closed && e.side == clientEnd {
		v.Trust = e.peers.trust()
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	v.Size = e.got
	switch {
	case errors.Is(err, errAltered):
		v.Flaw = eventlog.Altered
	case errors.Is(err, io.ErrUnexpectedEOF):
		v.Flaw = eventlog.Cut
	}
	e.world.log.log(v)
}

// streamEnds are those that are not over.
type streamEnds struct {
	mu   sync.Mutex
	open []*streamEnd // in the order in which they began
}

func (s *streamEnds) add(e *streamEnd) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.open = append(s.open, e)
}

func (s *streamEnds) remove(e *streamEnd) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.open = slices.DeleteFunc(s.open, func(o *streamEnd) bool { return o == e })
}

func (s *streamEnds) any() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.open) > 0
}

// tell logs the ends that are still there, and how long each has been silent.
func (s *streamEnds) tell(log *logger) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, e := range s.open {
		e.mu.Lock()
		quiet := max(0, time.Since(e.moved))
		log.log(eventlog.Event{Kind: eventlog.Open, Node: e.node, Stream: e.number, Text: e.side, Size: e.got, Quiet: int64(quiet)})
		e.mu.Unlock()
	}
}
