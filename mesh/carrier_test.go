package mesh_test

import (
	"crypto/tls"
	"io"
	"testing"
	"time"

	"github.com/quic-go/quic-go"

	"receptor/mesh"
)

// rawDialer is one of ours that a test plays.
func rawDialer(t *testing.T, n *mesh.Node, node, service string) (qc *quic.Conn, end func()) {
	t.Helper()
	conn := packets(t, n, "")
	tr := &quic.Transport{Conn: conn}
	config := &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"netceptor-streams"}}
	qc, err := tr.Dial(t.Context(), mesh.Addr{Node: node, Service: service}, config, &quic.Config{KeepAlivePeriod: 10 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	return qc, func() {
		qc.CloseWithError(0, "")
		tr.Close()
		conn.Close()
	}
}

func openStream(t *testing.T, qc *quic.Conn) *quic.Stream {
	t.Helper()
	stream, err := qc.OpenStream()
	if err != nil {
		t.Fatal(err)
	}
	stream.Write([]byte{0})
	return stream
}

func say(t *testing.T, qc *quic.Conn, word ...byte) {
	t.Helper()
	stream, err := qc.OpenUniStream()
	if err != nil {
		t.Fatal(err)
	}
	stream.Write(word)
	stream.Close()
}

// That a dialer needs nothing more of a stream may be here before the stream is.
func TestEarlyWord(t *testing.T) {
	chain(t, []string{"a", "b"}, func(t *testing.T, nodes map[string]*mesh.Node) {
		ended := make(chan struct{})
		defer serve(t, nodes["b"], "svc", func(c *mesh.Conn) {
			if rest, _ := io.ReadAll(c); len(rest) > 0 {
				return // it stays
			}
			c.Close()
			awaitEnd(t, c)
			close(ended)
		}).Close()
		qc, end := rawDialer(t, nodes["a"], "b", "svc")
		defer end()
		openStream(t, qc).Write([]byte("x"))
		say(t, qc, 0, 0, 0, 0, 0, 0, 0, 4)
		time.Sleep(time.Second) // virtual
		openStream(t, qc).Close()
		<-ended
	})
}

// What no node of ours says ends the connection.
func TestUnknownWords(t *testing.T) {
	for name, talk := range map[string]func(t *testing.T, qc *quic.Conn){
		"too short": func(t *testing.T, qc *quic.Conn) { say(t, qc, 1) },
		"too long":  func(t *testing.T, qc *quic.Conn) { say(t, qc, 0, 0, 0, 0, 0, 0, 0, 0, 0) },
		"twice": func(t *testing.T, qc *quic.Conn) {
			say(t, qc, 0, 0, 0, 0, 0, 0, 0, 0)
			say(t, qc, 0, 0, 0, 0, 0, 0, 0, 0)
		},
		"of too many streams that are not there": func(t *testing.T, qc *quic.Conn) {
			for i := range 200 {
				say(t, qc, 0, 0, 0, 0, 0, 0, 1, byte(i))
				time.Sleep(time.Second) // virtual: there may be as many again
				if qc.Context().Err() != nil {
					return
				}
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			chain(t, []string{"a", "b"}, func(t *testing.T, nodes map[string]*mesh.Node) {
				defer serve(t, nodes["b"], "svc", func(*mesh.Conn) {}).Close()
				qc, end := rawDialer(t, nodes["a"], "b", "svc")
				defer end()
				openStream(t, qc)
				time.Sleep(time.Second) // virtual
				talk(t, qc)
				time.Sleep(time.Second) // virtual
				if qc.Context().Err() == nil {
					t.Error("the connection goes on")
				}
			})
		})
	}
}

// A dialer that keeps a connection without streams is left after a while.
func TestConnectionWithoutStreams(t *testing.T) {
	chain(t, []string{"a", "b"}, func(t *testing.T, nodes map[string]*mesh.Node) {
		defer serve(t, nodes["b"], "echo", echo).Close()
		qc, end := rawDialer(t, nodes["a"], "b", "echo")
		defer end()
		openStream(t, qc).Close()
		say(t, qc, 0, 0, 0, 0, 0, 0, 0, 0)
		began := time.Now()
		for range 20 {
			time.Sleep(10 * time.Second) // virtual
			if qc.Context().Err() != nil {
				break
			}
			say(t, qc, 0, 0, 0, 0, 0, 0, 0, 0) // it is not idle
		}
		if took := time.Since(began); took < time.Minute || took > 2*time.Minute {
			t.Errorf("it ended after %v, want somewhat more than a minute", took)
		}
	})
}
