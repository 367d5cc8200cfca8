package sim

import (
	"bytes"
	"testing"
	"time"

	"pgregory.net/rapid"

	"receptor/mesh/linkstate"
	"receptor/mesh/wire"
)

// A convoy is a queue, whatever the blocks in it.
func TestConvoyIsAQueue(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var d depot
		var convoys [2]convoy
		var model [2][]time.Duration
		next := time.Duration(0)
		for range rapid.IntRange(1, 20).Draw(t, "rounds") {
			k := rapid.IntRange(0, 1).Draw(t, "convoy")
			c, want := &convoys[k], &model[k]
			for range rapid.IntRange(0, 3*blockSize).Draw(t, "pushes") {
				next++
				c.push(segment{at: next, what: segmentOpen}, &d)
				*want = append(*want, next)
			}
			for range rapid.IntRange(0, len(*want)).Draw(t, "pops") {
				front := c.front().at
				if got := c.pop(&d); got.at != (*want)[0] || got.at != front {
					t.Fatalf("popped segment %d, in front was %d, want %d", got.at, front, (*want)[0])
				}
				*want = (*want)[1:]
			}
			i := 0
			for seg := range c.all() {
				if i == len(*want) || seg.at != (*want)[i] {
					t.Fatalf("segment %d is number %d, want %v", seg.at, i, *want)
				}
				i++
			}
			if i != len(*want) || c.n != i {
				t.Fatalf("%d segments, counted %d, want %d", i, c.n, len(*want))
			}
		}
		for b := d.free; b != nil; b = b.next {
			if b.slots != (block{}).slots {
				t.Fatal("a block that is not in use holds segments")
			}
		}
	})
}

// What is unpacked is what was packed, and an update that is held anyway does
// not take memory.
func TestPackedFrames(t *testing.T) {
	t.Parallel()
	p := packer{pool: linkstate.NewPool()}
	db := linkstate.New("me", p.pool)
	u := wire.RoutingUpdate{NodeID: "x", UpdateEpoch: 1, UpdateSequence: 1, Connections: map[string]float64{"me": 1}, ForwardingNode: "me"}
	held := u.Encode()
	parsed, _, err := p.pool.Parse(held)
	if err != nil || !db.Apply(parsed).Accepted() {
		t.Fatalf("the update was not accepted: %v", err)
	}
	u.UpdateSequence++
	for _, c := range []struct {
		name  string
		frame []byte
		held  bool
	}{
		{"an update that is held", held, true},
		{"another update", u.Encode(), false},
		{"an update passed on in another's name", parsed.Frame("y"), false},
		{"a datagram", wire.AppendData(nil, wire.Header{}, held), false},
		{"no frame of a node", []byte{1}, false},
	} {
		for range 2 {
			what := p.pack(c.frame, "me")
			if _, ok := what.(*linkstate.Update); ok != c.held {
				t.Errorf("%s: packed as %T", c.name, what)
			}
			if got := p.unpack(what, "me"); !bytes.Equal(got, c.frame) {
				t.Errorf("%s: unpacked as %q, want %q", c.name, got, c.frame)
			}
		}
	}
}
