package main

import (
	"io"
	"net"
	"sync"
)

// wire is a link between two nodes that can be cut: it listens, and passes what
// comes on to a target.
type wire struct {
	listener net.Listener
	target   string

	mu    sync.Mutex
	state sync.Cond
	cut   bool // connections are refused, and those that are there are closed
	stall bool // nothing passes
	conns map[net.Conn]bool
}

func newWire(target string) (*wire, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	w := &wire{listener: l, target: target, conns: make(map[net.Conn]bool)}
	w.state.L = &w.mu
	go w.accept()
	return w, nil
}

func (w *wire) accept() {
	for {
		near, err := w.listener.Accept()
		if err != nil {
			return
		}
		far, err := net.Dial("tcp", w.target)
		if err != nil || !w.add(near, far) {
			near.Close()
			if far != nil {
				far.Close()
			}
			continue
		}
		go w.pass(near, far)
		go w.pass(far, near)
	}
}

func (w *wire) add(conns ...net.Conn) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.cut {
		return false
	}
	for _, c := range conns {
		w.conns[c] = true
	}
	return true
}

// pass copies one direction until either end is closed.
func (w *wire) pass(from, to net.Conn) {
	buf := make([]byte, 64<<10)
	for {
		n, err := from.Read(buf)
		w.await()
		if n > 0 {
			if _, err := to.Write(buf[:n]); err != nil {
				break
			}
		}
		if err != nil {
			break
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, c := range []io.Closer{from, to} {
		c.Close()
		delete(w.conns, c.(net.Conn))
	}
}

// await returns when the wire is not stalled.
func (w *wire) await() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for w.stall {
		w.state.Wait()
	}
}

// set changes what the wire does.
func (w *wire) set(cut, stall bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.cut, w.stall = cut, stall
	if cut {
		for c := range w.conns {
			c.Close()
		}
	}
	w.state.Broadcast()
}
