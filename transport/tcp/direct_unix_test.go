//go:build unix

package tcp

import (
	"bufio"
	"encoding/binary"
	"io"
	"net"
	"testing"
)

// pair returns both ends of a TCP connection.
func pair(t *testing.T) (from *directConn, to *conn) {
	t.Helper()
	ln, err := net.Listen("tcp", loopback)
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	a, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { a.Close() })
	b, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.Close() })
	return direct(&conn{Conn: a, socket: a}).(*directConn), &conn{Conn: b, socket: b, r: bufio.NewReader(b)}
}

func numbered(n int) []byte { return binary.BigEndian.AppendUint32(make([]byte, 200), uint32(n)) }

// Frames that are tried until the peer, which does not read, has enough of them
// arrive, and so does the one that was too much, once.
func TestTryWriteUntilFull(t *testing.T) {
	from, to := pair(t)
	n := 0
	for from.TryWrite(numbered(n)) {
		n++
	}
	written := make(chan error, 1)
	go func() {
		err := from.WriteFrames([][]byte{numbered(n), numbered(n + 1)})
		from.Conn.Close()
		written <- err
	}()
	for i := range n + 2 {
		frame, err := to.ReadFrame()
		if err != nil {
			t.Fatalf("frame %d of %d: %v", i, n+2, err)
		}
		if got := binary.BigEndian.Uint32(frame[200:]); got != uint32(i) {
			t.Fatalf("frame %d arrived in place of %d", got, i)
		}
	}
	if _, err := to.ReadFrame(); err != io.EOF {
		t.Errorf("then: %v, want the end", err)
	}
	if err := <-written; err != nil {
		t.Error(err)
	}
}

// The rest of a frame is written, wherever the first write of it stopped.
func TestRestOfFrame(t *testing.T) {
	whole := []byte{3, 0, 'a', 'b', 'c'}
	for begun := range whole {
		from, to := pair(t)
		from.Conn.Write(whole[:begun])
		from.begun = begun
		if err := from.WriteFrames([][]byte{[]byte("abc"), []byte("de")}); err != nil {
			t.Fatal(err)
		}
		for _, want := range []string{"abc", "de"} {
			if got, err := to.ReadFrame(); err != nil || string(got) != want {
				t.Errorf("after %d bytes: %q, %v; want %q", begun, got, err, want)
			}
		}
	}
}

// Nor does a connection that is closed block, or take a frame.
func TestTryWriteClosed(t *testing.T) {
	from, _ := pair(t)
	from.Abort()
	if from.TryWrite(numbered(0)) {
		t.Error("a closed connection took a frame")
	}
	if err := from.WriteFrames([][]byte{numbered(0)}); err == nil {
		t.Error("writing to a closed connection succeeded")
	}
}
