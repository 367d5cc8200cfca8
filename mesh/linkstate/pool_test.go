package linkstate

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"receptor/mesh/wire"
)

// frame returns an update as it arrives from a node.
func frame(r *wire.RoutingUpdate, forwarder string) []byte {
	sent := *r
	sent.ForwardingNode = forwarder
	return sent.Encode()
}

// receive takes a frame as a node does.
func receive(t *testing.T, db *DB, frame []byte) *Update {
	t.Helper()
	u, _ := db.pool.Recall(frame)
	if u == nil {
		var err error
		if u, _, err = db.pool.Parse(frame); err != nil {
			t.Fatal(err)
		}
	}
	db.Apply(u)
	return u
}

func TestPoolKeepsAnUpdateOnce(t *testing.T) {
	pool := NewPool()
	a, b := New("a", pool), New("b", pool)
	r := update("x", 1, map[string]float64{"y": 1})
	if u, _ := pool.Recall(frame(r, "y")); u != nil {
		t.Fatal("an update is recalled that nobody holds")
	}
	first := receive(t, a, frame(r, "y"))
	second := receive(t, b, frame(r, "z"))
	if first != second || a.Record("x") != b.Record("x") {
		t.Error("two databases hold two copies of one update")
	}
	if _, by := pool.Recall(frame(r, "z")); string(by) != "z" {
		t.Errorf("passed on by %q, want z", by)
	}
	want := frame(r, "b")
	if got := b.Frames(); len(got) != 1 || string(got[0]) != string(want) {
		t.Errorf("b passes on %q, want %q", got, want)
	}
	if a.Record("b") != nil {
		t.Error("a has a record of b, of which it was told nothing")
	}
}

// A frame that a node sends again is the one that it has sent before.
func TestFramesAreShared(t *testing.T) {
	db := New("a", NewPool())
	for _, id := range []string{"x", "y"} {
		receive(t, db, frame(update(id, 1, nil), "z"))
	}
	first, second := db.Frames(), db.Frames()
	for k := range first {
		if &first[k][0] != &second[k][0] {
			t.Errorf("frame %d was made anew", k)
		}
	}
	if allocs := testing.AllocsPerRun(10, func() { db.Frames() }); allocs > 3 {
		t.Errorf("%v allocations for two frames that are there", allocs)
	}
}

// While a newer update crosses the mesh the older one is met too.
func TestPoolRecallsTheLastTwoUpdates(t *testing.T) {
	pool := NewPool()
	a, b := New("a", pool), New("b", pool)
	older, newer := update("x", 1, nil), update("x", 2, nil)
	held := receive(t, b, frame(older, "x"))
	receive(t, a, frame(newer, "x"))
	if u, _ := pool.Recall(frame(older, "x")); u != held {
		t.Error("the older update is not recalled, though b holds it")
	}
	if !a.Has(held) || !b.Has(held) {
		t.Error("the older update is news to a or b")
	}
	receive(t, b, frame(newer, "x"))
	if u, _ := pool.Recall(frame(older, "x")); u != nil {
		t.Error("an update is recalled that nobody holds any more")
	}
}

// A directory that a routing table uses stays as it was when numbers go to
// other nodes.
func TestDirectoryIsNeverChanged(t *testing.T) {
	db := New("me", NewPool())
	apply(db, update("x", 1, nil))
	before := db.pool.Directory()
	number, ok := before.Number(wire.HashNode("x"))
	db.Routes(t0)
	db.Forget(t0.Add(ForgetAfter))
	apply(db, update("y", 1, nil))
	if again, _ := before.Number(wire.HashNode("x")); !ok || again != number || before.ID(number) != "x" {
		t.Errorf("x was number %d, now %d is %q", number, again, before.ID(number))
	}
	after := db.pool.Directory()
	if _, ok := after.Number(wire.HashNode("x")); ok {
		t.Error("x has a number, but no record")
	}
	if reused, _ := after.Number(wire.HashNode("y")); reused != number {
		t.Errorf("y has number %d, want that of x again, %d", reused, number)
	}
}

// said returns all that a database holds.
func said(db *DB) map[string]map[string]float64 {
	all := make(map[string]map[string]float64)
	for u := range db.Records() {
		all[u.NodeID] = maps.Collect(u.Links())
	}
	return all
}

// Databases that share a pool know what they would know on their own, and the
// pool counts its references right.
func TestSharedPoolMakesNoDifference(t *testing.T) {
	ids := []string{"a", "b", "c", "d", "e", "f"}
	rapid.Check(t, func(t *rapid.T) {
		pool := NewPool()
		var shared, alone []*DB
		for _, id := range ids[:2] {
			shared, alone = append(shared, New(id, pool)), append(alone, New(id, NewPool()))
		}
		now := t0
		links := rapid.MapOfN(rapid.SampledFrom(ids), rapid.Float64Range(1, 3), 0, 4)
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			k := rapid.IntRange(0, 1).Draw(t, "database")
			dbs := [2]*DB{shared[k], alone[k]}
			r := &wire.RoutingUpdate{
				NodeID: rapid.SampledFrom(ids).Draw(t, "node"), UpdateEpoch: rapid.Uint64Range(1, 3).Draw(t, "epoch"),
				UpdateSequence: rapid.Uint64Range(1, 3).Draw(t, "sequence"),
			}
			// What two updates of one number say is the same.
			r.Connections = map[string]float64{ids[int(r.UpdateEpoch+r.UpdateSequence)%len(ids)]: float64(r.UpdateSequence)}
			var got [2]string
			switch rapid.IntRange(0, 5).Draw(t, "what") {
			case 0:
				own := links.Draw(t, "links")
				delete(own, ids[k])
				dbs[0].SetLinks(own)
				dbs[1].SetLinks(own)
			case 1:
				now = now.Add(40 * time.Second)
				for i, db := range dbs {
					db.Routes(now)
					gone, next := db.Forget(now)
					got[i] = fmt.Sprint(gone, next)
				}
			case 2:
				r.SuspectedDuplicate = 2
				got = [2]string{fmt.Sprint(dbs[0].Suspect(parsed(dbs[0], r))), fmt.Sprint(dbs[1].Suspect(parsed(dbs[1], r)))}
			default:
				for i, db := range dbs {
					u, _ := db.pool.Recall(frame(r, "z"))
					if u == nil {
						u, _, _ = db.pool.Parse(frame(r, "z"))
					}
					got[i] = fmt.Sprint(db.Apply(u))
				}
			}
			if got[0] != got[1] {
				t.Fatalf("with a shared pool %s, without %s", got[0], got[1])
			}
		}
		for k := range shared {
			if got, want := fmt.Sprint(said(shared[k])), fmt.Sprint(said(alone[k])); got != want {
				t.Fatalf("%s knows %s, without a shared pool %s", ids[k], got, want)
			}
			if got, want := via(shared[k], now), via(alone[k], now); !maps.Equal(got, want) {
				t.Fatalf("%s routes by %v, without a shared pool %v", ids[k], got, want)
			}
			if got, want := fmt.Sprint(shared[k].edges), fmt.Sprint(alone[k].edges); got != want {
				t.Fatalf("%s counts %s connections, without a shared pool %s", ids[k], got, want)
			}
		}
		checkReferences(t, pool, shared...)
	})
}

// checkReferences counts what refers to each name.
func checkReferences(t *rapid.T, pool *Pool, dbs ...*DB) {
	refs := make([]int, len(pool.names))
	holders := make(map[*Update]int)
	for _, db := range dbs {
		refs[db.self]++
		for _, e := range db.links {
			refs[e.to]++
		}
		for u := range db.Records() {
			if u.node != db.self {
				holders[u]++
			}
		}
	}
	for u, n := range holders {
		if u.holders != n {
			t.Fatalf("update (%d, %d) of %s counts %d holders, %d hold it", u.UpdateEpoch, u.UpdateSequence, u.NodeID, u.holders, n)
		}
		refs[u.node]++
		for _, e := range u.edges {
			refs[e.to]++
		}
	}
	if !slices.IsSortedFunc(pool.order, func(a, b int32) int { return strings.Compare(pool.names[a].id, pool.names[b].id) }) || len(pool.order) != len(pool.index) {
		t.Fatalf("of %d names the order has %v", len(pool.index), pool.order)
	}
	for i, n := range pool.names {
		if n.refs != refs[i] {
			t.Fatalf("%q counts %d references, there are %d", n.id, n.refs, refs[i])
		}
		if free := slices.Contains(pool.free, int32(i)); free != (refs[i] == 0) {
			t.Fatalf("number %d is free: %v, with %d references", i, free, refs[i])
		}
		for _, u := range n.recent {
			if u != nil && holders[u] == 0 {
				t.Fatalf("an update of %s is recalled that nobody holds", n.id)
			}
		}
	}
}
