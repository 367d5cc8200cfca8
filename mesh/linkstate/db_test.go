package linkstate

import (
	"bytes"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"receptor/mesh/wire"
)

var t0 = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// parsed returns an update as a database takes it, though without a frame.
func parsed(db *DB, r *wire.RoutingUpdate) *Update { return &Update{RoutingUpdate: *r, pool: db.pool} }

func apply(db *DB, r *wire.RoutingUpdate) Verdict { return db.Apply(parsed(db, r)) }

func update(id string, sequence uint64, links map[string]float64) *wire.RoutingUpdate {
	return &wire.RoutingUpdate{NodeID: id, UpdateEpoch: 1, UpdateSequence: sequence, Connections: links}
}

// via returns the next hops of all reachable nodes.
func via(db *DB, now time.Time) map[string]string {
	hops := make(map[string]string)
	for i, h := range db.Routes(now) {
		if k, ok := h.Link(); ok {
			hops[db.pool.names[i].id] = db.pool.names[db.links[k].to].id
		}
	}
	return hops
}

func want(t *testing.T, db *DB, hops map[string]string) {
	t.Helper()
	if got := via(db, t0); !maps.Equal(got, hops) {
		t.Errorf("next hops %v, want %v", got, hops)
	}
}

func TestApplyVerdicts(t *testing.T) {
	db := New("me", NewPool())
	steps := []struct {
		u    *wire.RoutingUpdate
		want Verdict
	}{
		{update("a", 5, map[string]float64{"b": 1}), Discovered},
		{update("a", 5, map[string]float64{"b": 2}), Stale},
		{update("a", 4, map[string]float64{"b": 2}), Stale},
		{update("a", 6, map[string]float64{"b": 1}), Refreshed},
		{update("a", 7, map[string]float64{"b": 2}), Changed},
		{update("b", 1, nil), Discovered},
		{&wire.RoutingUpdate{NodeID: "a", UpdateEpoch: 2, UpdateSequence: 1}, Changed},
		{update("a", 100, nil), Stale},
	}
	for i, step := range steps {
		if got := apply(db, step.u); got != step.want {
			t.Errorf("step %d: verdict %v, want %v", i, got, step.want)
		}
	}
}

// A connection that only one end lists is no connection, except our own.
func TestConnectionNeedsBothEnds(t *testing.T) {
	db := New("me", NewPool())
	db.SetLinks(map[string]float64{"a": 1})
	want(t, db, map[string]string{"a": "a"}) // no update of a is there yet
	apply(db, update("a", 1, map[string]float64{"me": 1, "b": 1}))
	want(t, db, map[string]string{"a": "a"})
	apply(db, update("b", 1, map[string]float64{"a": 1}))
	want(t, db, map[string]string{"a": "a", "b": "a"})
	apply(db, update("b", 2, nil))
	want(t, db, map[string]string{"a": "a"})
}

// While the two ends disagree about a cost the greater one counts.
func TestGreaterCostCounts(t *testing.T) {
	db := New("me", NewPool())
	db.SetLinks(map[string]float64{"a": 1, "b": 1})
	apply(db, update("a", 1, map[string]float64{"me": 1, "x": 1}))
	apply(db, update("b", 1, map[string]float64{"me": 1, "x": 2}))
	apply(db, update("x", 1, map[string]float64{"a": 3, "b": 1}))
	want(t, db, map[string]string{"a": "a", "b": "b", "x": "b"})
}

func TestCosts(t *testing.T) {
	db := New("me", NewPool())
	db.SetLinks(map[string]float64{"a": 1, "b": 5})
	apply(db, update("a", 1, map[string]float64{"me": 1, "b": 2, "lost": 1}))
	apply(db, update("b", 1, map[string]float64{"me": 5, "a": 2.5}))
	apply(db, update("lost", 1, nil))
	got := db.Costs([]string{"b", "lost", "a", "nobody", "me"})
	if inf := math.Inf(1); !slices.Equal(got, []float64{3.5, inf, 1, inf, inf}) {
		t.Errorf("costs %v", got)
	}
}

func TestSuspectAdoptsTheSendersEpoch(t *testing.T) {
	db := New("me", NewPool())
	duplicates := parsed(db, &wire.RoutingUpdate{NodeID: "x", UpdateEpoch: 9, UpdateSequence: 3})
	duplicates.relay = duplicates.RoutingUpdate.Relay()
	if db.Apply(duplicates); len(db.Frames()) != 1 {
		t.Fatal("the update of x would not be passed on")
	}
	suspicion := &wire.RoutingUpdate{NodeID: "x", UpdateEpoch: 5, UpdateSequence: 40, SuspectedDuplicate: 9}
	if !db.Suspect(parsed(db, suspicion)) {
		t.Fatal("the suspicion was not taken in")
	}
	if db.Suspect(parsed(db, suspicion)) {
		t.Error("it was taken in, and would be passed on, twice")
	}
	if len(db.Frames()) != 0 {
		t.Error("the frame of the duplicate would still be passed on")
	}
	if v := apply(db, &wire.RoutingUpdate{NodeID: "x", UpdateEpoch: 5, UpdateSequence: 41}); !v.Accepted() {
		t.Errorf("the next update of the true node: %v", v)
	}
	if db.Suspect(parsed(db, &wire.RoutingUpdate{NodeID: "me", SuspectedDuplicate: 0})) {
		t.Error("a suspicion about the owner was taken in")
	}
}

func TestForget(t *testing.T) {
	db := New("me", NewPool())
	db.SetLinks(map[string]float64{"a": 1})
	apply(db, update("a", 1, map[string]float64{"me": 1, "b": 1}))
	apply(db, update("b", 1, map[string]float64{"a": 1}))
	db.Routes(t0)
	if gone, next := db.Forget(t0); gone != nil || !next.IsZero() {
		t.Errorf("with all reachable: forgot %v, next look at %v", gone, next)
	}
	apply(db, update("a", 2, map[string]float64{"me": 1}))
	db.Routes(t0.Add(time.Second))
	gone, next := db.Forget(t0.Add(30 * time.Second))
	if due := t0.Add(time.Second + ForgetAfter); gone != nil || !next.Equal(due) {
		t.Errorf("too early: forgot %v, next look at %v, want %v", gone, next, due)
	}
	if gone, _ := db.Forget(next); !slices.Equal(gone, []string{"b"}) {
		t.Errorf("forgot %v, want b", gone)
	}
	if db.Record("b") != nil || db.Record("a") == nil {
		t.Error("b is still known, or a is not")
	}
	if v := apply(db, update("b", 1, nil)); v != Discovered {
		t.Errorf("an update of b after it was forgotten: %v, want %v", v, Discovered)
	}
}

// A peer that invents nodes fills the table up to its limit and no further,
// and the space is used again once they are forgotten.
func TestTableIsBounded(t *testing.T) {
	db := New("me", NewPool())
	const perUpdate = 1000
	full := false
	for i := 0; !full; i++ {
		links := make(map[string]float64, perUpdate)
		for k := range perUpdate {
			links[fmt.Sprint(i, "-", k)] = 1
		}
		full = apply(db, update(fmt.Sprint("liar", i), 1, links)) == Full
		if i > 2*MaxNodes/perUpdate {
			t.Fatal("the table has no limit")
		}
	}
	if n := len(db.pool.names); n > MaxNodes {
		t.Errorf("the table has %d nodes, at most %d are allowed", n, MaxNodes)
	}
	numbers := len(db.pool.names)
	db.Routes(t0)
	db.Forget(t0.Add(ForgetAfter))
	if p := db.pool; len(p.index) != 1 || len(p.free) != numbers-1 {
		t.Errorf("after all were forgotten %d names are left and %d of %d numbers free", len(p.index), len(p.free), numbers)
	}
}

// So is the number of connections, though all lie between a few nodes.
func TestConnectionsAreBounded(t *testing.T) {
	db := New("me", NewPool())
	links := make(map[string]float64)
	for k := range 4000 {
		links[fmt.Sprint("n", k)] = 1
	}
	full := 0
	for i := range 400 {
		if apply(db, update(fmt.Sprint("n", i), 1, links)) == Full {
			full++
		}
	}
	if db.edges > MaxEdges || full == 0 {
		t.Errorf("%d connections are known after %d refusals, at most %d are allowed", db.edges, full, MaxEdges)
	}
	for i := range 400 { // the same nodes without connections
		apply(db, update(fmt.Sprint("n", i), 2, nil))
	}
	if db.edges != 0 {
		t.Errorf("%d connections are counted when there are none", db.edges)
	}
}

// So are their frames, of which a link that comes up gets all: though there are few
// nodes, they may have long IDs, and IDs that take more bytes as this node writes them.
func TestFramesAreBounded(t *testing.T) {
	db := New(strings.Repeat("<", 255), NewPool())
	total := func() (sum int) {
		for _, frame := range db.Frames() {
			sum += len(frame)
		}
		return sum
	}
	name := func(i int) string { return fmt.Sprintf("%04d%s", i, strings.Repeat(">", 251)) }
	known := 0
	for i := range 4000 {
		frame := (&wire.RoutingUpdate{NodeID: name(i), UpdateEpoch: 1, ForwardingNode: "liar", Connections: map[string]float64{name(i + 1): 1}}).Encode()
		u, _, err := db.pool.Parse(bytes.ReplaceAll(frame, []byte(`\u003e`), []byte(">")))
		if err != nil {
			t.Fatal(err)
		}
		if db.Apply(u) == Full {
			break
		}
		known++
	}
	if sum := total(); sum > MaxBytes || sum < MaxBytes-10<<10 {
		t.Errorf("the frames of %d nodes have %d bytes, at most %d are allowed and should be possible", known, sum, MaxBytes)
	}
	if sum := total(); sum != db.bytes {
		t.Errorf("%d bytes are counted of %d", db.bytes, sum)
	}
	db.Suspect(parsed(db, &wire.RoutingUpdate{NodeID: name(0), UpdateEpoch: 2, SuspectedDuplicate: 1}))
	db.Routes(t0)
	db.Forget(t0.Add(ForgetAfter))
	if db.bytes != 0 {
		t.Errorf("%d bytes are counted after all were forgotten", db.bytes)
	}
}

// Costs that add up to more than a float holds lead nowhere, and do not panic.
func TestOverflowingCosts(t *testing.T) {
	db := New("me", NewPool())
	db.SetLinks(map[string]float64{"a": math.MaxFloat64})
	apply(db, update("a", 1, map[string]float64{"me": math.MaxFloat64, "b": math.MaxFloat64}))
	apply(db, update("b", 1, map[string]float64{"a": math.MaxFloat64}))
	want(t, db, map[string]string{"a": "a"})
}

// For any graph: the routes are those of an exhaustive search, and of several
// least-cost paths the one by the smallest node ID is taken, whatever the order
// in which the updates arrived.
func TestRoutesAreLeastCost(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(2, 12).Draw(t, "nodes")
		ids := make([]string, n)
		for i := range ids {
			ids[i] = fmt.Sprintf("n%02d", i)
		}
		links := make([]map[string]float64, n)
		for i := range links {
			links[i] = make(map[string]float64)
		}
		for i := range n {
			for j := range i {
				// Few different costs, so that ties are common.
				if cost := rapid.IntRange(0, 3).Draw(t, "cost"); cost > 0 {
					links[i][ids[j]], links[j][ids[i]] = float64(cost), float64(cost)
				}
			}
		}
		db := New(ids[0], NewPool())
		order := rapid.Permutation(numbers(n)).Draw(t, "order")
		for _, i := range order {
			if i == 0 {
				db.SetLinks(links[0])
			} else {
				apply(db, update(ids[i], 1, links[i]))
			}
		}
		if got, want := via(db, t0), exhaustive(ids, links); !maps.Equal(got, want) {
			t.Fatalf("next hops %v, want %v", got, want)
		}
	})
}

func numbers(n int) []int {
	all := make([]int, n)
	for i := range all {
		all[i] = i
	}
	return all
}

// exhaustive finds next hops by relaxing all edges until nothing changes, for
// distances to node 0, and then trying all its neighbours in order.
func exhaustive(ids []string, links []map[string]float64) map[string]string {
	n := len(ids)
	dist := make([][]float64, n) // all pairs, Floyd and Warshall
	for i := range n {
		dist[i] = make([]float64, n)
		for j := range n {
			dist[i][j] = math.Inf(1)
			if cost, ok := links[i][ids[j]]; ok {
				dist[i][j] = cost
			}
		}
		dist[i][i] = 0
	}
	for k := range n {
		for i := range n {
			for j := range n {
				dist[i][j] = min(dist[i][j], dist[i][k]+dist[k][j])
			}
		}
	}
	hops := make(map[string]string)
	for to := 1; to < n; to++ {
		for first := 1; first < n; first++ { // in order of IDs
			cost, ok := links[0][ids[first]]
			if ok && !math.IsInf(dist[0][to], 1) && cost+dist[first][to] == dist[0][to] {
				hops[ids[to]] = ids[first]
				break
			}
		}
	}
	return hops
}

func BenchmarkRoutes(b *testing.B) {
	for _, n := range []int{100, 1000, 10000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			db := New("n0", NewPool())
			// A ring with chords: four links each.
			for i := range n {
				links := make(map[string]float64)
				for _, d := range []int{1, n - 1, n / 3, n - n/3} {
					links[fmt.Sprint("n", (i+d)%n)] = 1 + float64((i*d)%7)
				}
				if i == 0 {
					db.SetLinks(links)
				} else {
					apply(db, update(fmt.Sprint("n", i), 1, links))
				}
			}
			b.ReportAllocs()
			for b.Loop() {
				db.Routes(t0)
			}
		})
	}
}
