package daemon

import (
	"io"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"receptor/internal/config"
	"receptor/mesh"
	"receptor/transport/transporttest"
)

// A router looks for its neighbours while a reload goes on. (The race detector is
// who sees if that is not right.)
func TestNeighboursDuringReload(t *testing.T) {
	clock := transporttest.NewClock()
	node, err := mesh.New(mesh.Config{ID: "a", Clock: clock, Rand: rand.NewPCG(1, 2)})
	if err != nil {
		t.Fatal(err)
	}
	defer node.Close()
	if _, err := node.ListenPacketAdvertised("ipnet", mesh.Advertise{}); err != nil {
		t.Fatal(err)
	}
	clock.Advance(time.Second) // it is advertised
	d := &Daemon{cfg: &config.Config{Node: config.Node{ID: "a"}}, node: node, host: Host{Clock: clock}, log: NewLog(io.Discard, clock, config.Error)}
	var reloads sync.WaitGroup
	reloads.Go(func() {
		for range 10 {
			if err := d.change(&config.Config{}, nil); err != nil {
				t.Error(err)
			}
		}
	})
	for range 10 {
		if n := d.ipNeighbours("ipnet"); len(n) != 0 {
			t.Errorf("neighbours %v, want none: the service is the node's own", n)
		}
	}
	reloads.Wait()
}
