package main

import (
	"context"
	"fmt"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// sink takes in what comes out of the mesh, and counts.
type sink struct {
	listener net.Listener

	open sync.WaitGroup // connections

	mu    sync.Mutex
	conns []*atomic.Int64 // bytes of each connection since the last reset
}

func newSink() (*sink, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	s := &sink{listener: l}
	go s.serve()
	return s, nil
}

func (s *sink) serve() {
	for {
		conn, err := s.listener.Accept()
		if err != nil {
			return
		}
		count := new(atomic.Int64)
		s.mu.Lock()
		s.conns = append(s.conns, count)
		s.mu.Unlock()
		s.open.Go(func() {
			defer conn.Close()
			buf := make([]byte, 256<<10)
			for {
				n, err := conn.Read(buf)
				count.Add(int64(n))
				if err != nil {
					return
				}
			}
		})
	}
}

func (s *sink) reset() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.conns = nil
}

// counts returns what each connection has brought so far.
func (s *sink) counts() []int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []int64
	for _, count := range s.conns {
		all = append(all, count.Load())
	}
	return all
}

// flood is streams that send as much as the mesh takes.
type flood struct {
	sink  *sink
	conns []net.Conn
	ends  sync.WaitGroup
}

// startFlood opens streams, and returns once all have brought something.
func (s *sink) startFlood(ctx context.Context, addr string, streams int) (*flood, error) {
	s.reset()
	f := &flood{sink: s}
	data := make([]byte, 256<<10)
	for range streams {
		conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", addr)
		if err != nil {
			f.stop()
			return nil, err
		}
		f.conns = append(f.conns, conn)
		f.ends.Go(func() {
			for {
				if _, err := conn.Write(data); err != nil {
					return
				}
			}
		})
	}
	limit := time.Now().Add(startTimeout)
	for {
		counts := s.counts()
		if len(counts) == streams && slices.Min(counts) > 0 {
			return f, nil
		}
		if err := pause(ctx, 10*time.Millisecond); err != nil || time.Now().After(limit) {
			f.stop()
			return nil, fmt.Errorf("%d of %d streams through %s have come to life after %v", len(counts), streams, addr, startTimeout)
		}
	}
}

// stop breaks the streams off, so that what buffers hold need not be brought any
// more, and returns when the sink has seen them all end.
func (f *flood) stop() {
	for _, conn := range f.conns {
		_ = conn.(*net.TCPConn).SetLinger(0)
		conn.Close()
	}
	f.ends.Wait()
	f.sink.open.Wait()
}

// during counts what each stream brings while a function runs.
func (f *flood) during(do func() error) (bytes []int64, took time.Duration, err error) {
	before, began := f.sink.counts(), time.Now()
	err = do()
	bytes, took = f.sink.counts(), time.Since(began)
	for i := range bytes {
		bytes[i] -= before[i]
	}
	return bytes, took, err
}

// pause waits, or returns why it did not.
func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}
