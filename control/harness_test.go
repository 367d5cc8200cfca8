package control

import (
	"context"
	"errors"
	"io"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"receptor/transport"
)

// node is a Server with some commands of its own.
type node struct {
	*Server
	t *testing.T
	// connect makes a new connection to it.
	connect func() duplexConn
}

// duplexConn is a net.Conn that can be half-closed.
type duplexConn interface {
	net.Conn
	halfCloser
}

// newNode serves a Unix socket.
func newNode(t *testing.T, opts Options) *node {
	t.Helper()
	l, err := net.Listen("unix", filepath.Join(t.TempDir(), "s"))
	if err != nil {
		t.Fatal(err)
	}
	return serve(t, l, opts, func() duplexConn {
		conn, err := net.Dial("unix", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		setDeadline(t, conn)
		return conn.(*net.UnixConn)
	})
}

// newBubbleNode serves connections in memory, so that within a synctest bubble
// all time is virtual and synctest.Wait waits for the server to settle.
func newBubbleNode(t *testing.T, opts Options) *node {
	t.Helper()
	l := newMemListener()
	return serve(t, l, opts, l.dial)
}

func serve(t *testing.T, l net.Listener, opts Options, connect func() duplexConn) *node {
	t.Helper()
	opts.Clock = transport.System
	n := &node{Server: New("foo", opts), t: t, connect: connect}
	served := make(chan error, 1)
	go func() { served <- n.Serve(l) }()
	t.Cleanup(func() {
		n.Close()
		if err := <-served; err != nil {
			t.Errorf("Serve: %v", err)
		}
	})
	n.Handle("echo", func(_ context.Context, req *Request, _ Session) (any, error) {
		return map[string]any{"args": req.Args, "fields": req.Fields}, nil
	})
	n.Handle("fail", func(context.Context, *Request, Session) (any, error) {
		return nil, errors.New("first line\r\nsecond line")
	})
	n.Handle("count", func(_ context.Context, _ *Request, s Session) (any, error) {
		got, err := io.Copy(io.Discard, s)
		return got, err
	})
	n.Handle("raw", func(_ context.Context, _ *Request, s Session) (any, error) {
		_, err := io.WriteString(s, "raw bytes")
		return nil, err
	})
	n.Handle("local", func(_ context.Context, _ *Request, s Session) (any, error) {
		return s.IsLocal(), nil
	})
	return n
}

// dial connects until the end of the test.
func (n *node) dial() duplexConn {
	n.t.Helper()
	conn := n.connect()
	n.t.Cleanup(func() { conn.Close() })
	return conn
}

// setDeadline makes a connection fail the test rather than hang.
func setDeadline(t *testing.T, conn net.Conn) {
	t.Helper()
	if err := conn.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
}

// talk sends all of input, half-closes, and returns all that the node says
// after its greeting.
func (n *node) talk(input string) string {
	n.t.Helper()
	conn := n.dial()
	go func() {
		// The node may hang up before it has read everything.
		_, _ = io.WriteString(conn, input)
		_ = conn.CloseWrite()
	}()
	out, err := io.ReadAll(conn)
	if err != nil {
		n.t.Fatalf("read: %v", err)
	}
	rest, ok := strings.CutPrefix(string(out), "Receptor Control, node foo\n")
	if !ok {
		n.t.Fatalf("no greeting in %q", out)
	}
	return rest
}

// client greets and returns a Client of the node.
func (n *node) client() *Client {
	n.t.Helper()
	c, id, err := NewClient(n.dial())
	if err != nil || id != "foo" {
		n.t.Fatalf("NewClient: node %q, error %v", id, err)
	}
	return c
}
