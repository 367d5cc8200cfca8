package mesh_test

import (
	"crypto/tls"
	"testing"

	"github.com/quic-go/quic-go"

	"receptor/mesh"
)

// Whoever makes connections and opens no stream on them keeps nobody else from a
// service: the oldest of them give way, and those that are in use do not.
func TestConnectionsWithoutStreamGiveWay(t *testing.T) {
	chain(t, []string{"a", "b"}, func(t *testing.T, nodes map[string]*mesh.Node) {
		defer serve(t, nodes["b"], "echo", echo).Close()
		used := dial(t, nodes["a"], "b", "echo")
		defer used.Close()
		conn := packets(t, nodes["a"], "")
		defer conn.Close()
		tr := &quic.Transport{Conn: conn}
		defer tr.Close()
		config := &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"netceptor"}}
		const many = 1024 + 8
		var silent []*quic.Conn
		for range many {
			qc, err := tr.Dial(t.Context(), mesh.Addr{Node: "b", Service: "echo"}, config, &quic.Config{})
			if err != nil {
				t.Fatalf("connection %d: %v", len(silent), err)
			}
			silent = append(silent, qc)
		}
		exchange(t, used)
		late := dial(t, nodes["a"], "b", "echo")
		defer late.Close()
		exchange(t, late)
		<-silent[0].Context().Done()
		if err := silent[many-1].Context().Err(); err != nil {
			t.Errorf("the newest connection was given up: %v", err)
		}
	})
}

// exchange has an echo answer.
func exchange(t *testing.T, c *mesh.Conn) {
	t.Helper()
	if _, err := c.Write([]byte("x")); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Read(make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
}
