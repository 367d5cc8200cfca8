package pki

import (
	"crypto/tls"
	"io/fs"
	"net"
	"sync"
	"testing"
)

// disk is a file system that tests change.
type disk struct {
	mu    sync.Mutex
	files map[string][]byte
}

func (d *disk) read(name string) ([]byte, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	data, ok := d.files[name]
	if !ok {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}
	return data, nil
}

func (d *disk) write(name string, data []byte) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.files[name] = data
}

// shake makes a connection, and returns what either end says. The server is
// told to believe that addr dials.
func shake(t testing.TB, server, client *tls.Config, addr net.Addr) (tls.ConnectionState, error, error) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0") // a pipe has no buffers: two alerts would wait for each other
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	b, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	a, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() {
		c := tls.Server(addressed{a, addr}, server)
		err := c.Handshake()
		if err == nil {
			_, err = c.Write([]byte{1})
		}
		c.Close()
		served <- err
	}()
	c := tls.Client(b, client)
	n, err := c.Read(make([]byte, 1)) // in TLS 1.3 a refusal comes after the handshake
	if n == 1 {
		err = nil // it may have seen the end, too
	}
	b.Close()
	return c.ConnectionState(), <-served, err
}

type addressed struct {
	net.Conn
	from net.Addr
}

func (a addressed) RemoteAddr() net.Addr { return a.from }
