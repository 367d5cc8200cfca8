package linkstate

import (
	"testing"
	"time"

	"receptor/mesh/wire"
)

// summarizing makes an update of a node that sends summaries.
func summarizing(r *wire.RoutingUpdate) *wire.RoutingUpdate {
	r.Features = []string{wire.FeatureSummary}
	return r
}

func summaryOf(db *DB, epoch uint64) (s wire.Summary) {
	db.Routes(t0)
	db.Summarize(epoch, &s)
	return s
}

// Two neighbours that know the same of the mesh have equal summaries, though each has
// a record of the other where the other has his own links. Their pools number the
// nodes differently.
func TestNeighboursAgree(t *testing.T) {
	a, b := New("a", NewPool()), New("b", NewPool())
	a.SetLinks(map[string]float64{"b": 2})
	b.SetLinks(map[string]float64{"a": 2, "c": 1})
	apply(a, summarizing(update("c", 9, map[string]float64{"b": 1})))
	apply(a, summarizing(update("b", 5, map[string]float64{"c": 1, "a": 2})))
	apply(b, summarizing(update("a", 3, map[string]float64{"b": 2})))
	apply(b, summarizing(update("c", 7, map[string]float64{"b": 1}))) // which says the same as 9
	if d := summaryOf(a, 1); d != summaryOf(b, 1) {
		t.Error("their summaries differ")
	}
	if summaryOf(a, 2) == summaryOf(b, 1) {
		t.Error("they agree, though b has a record of another run of a")
	}
	apply(a, summarizing(update("c", 10, map[string]float64{"b": 1, "x": 1})))
	want := wire.PartSet(1) << wire.PartOf(wire.HashNode("c"))
	ofA, ofB := summaryOf(a, 1), summaryOf(b, 1)
	if got := ofA.Differences(&ofB); got != want {
		t.Errorf("they differ in %b, want %b, where c is", got, want)
	}
}

// Of a node that cannot be reached nothing is said, nor sent; a change of what can be
// reached changes the version.
func TestSummaryLeavesOutWhatCannotBeReached(t *testing.T) {
	pool := NewPool()
	db := New("a", pool)
	db.SetLinks(map[string]float64{"b": 1})
	for id, links := range map[string]map[string]float64{"b": {"a": 1}, "lost": {"b": 1}} {
		u, _, err := pool.Parse(forwarded(summarizing(update(id, 1, links))))
		if err != nil {
			t.Fatal(err)
		}
		db.Apply(u)
	}
	alone := New("a", NewPool())
	alone.SetLinks(map[string]float64{"b": 1})
	apply(alone, summarizing(update("b", 1, map[string]float64{"a": 1})))
	if summaryOf(db, 1) != summaryOf(alone, 1) {
		t.Error("the node that cannot be reached is part of the summary")
	}
	if got := len(db.FramesOf(^wire.PartSet(0))); got != 1 {
		t.Errorf("%d updates for a peer that differs, want that of b", got)
	}
	before := db.Version()
	apply(db, update("b", 2, map[string]float64{"a": 1, "lost": 1}))
	if db.Version() == before {
		t.Error("the version is the same after a change")
	}
	db.Routes(t0)
	if got := len(db.FramesOf(^wire.PartSet(0))); got != 2 {
		t.Errorf("%d updates for a peer that differs, want two", got)
	}
}

// An update that says the same changes nothing, so a summary need not be made anew.
func TestVersionOfRefreshedRecords(t *testing.T) {
	db := New("a", NewPool())
	db.SetLinks(map[string]float64{"b": 1})
	apply(db, summarizing(update("b", 1, map[string]float64{"a": 1})))
	before := db.Version()
	apply(db, summarizing(update("b", 2, map[string]float64{"a": 1})))
	if db.Version() != before {
		t.Error("the version changed, though the update said the same")
	}
	// It came by a deployed node.
	apply(db, update("b", 3, map[string]float64{"a": 1}))
	var s wire.Summary
	if db.Version() == before || db.Summarize(1, &s) {
		t.Error("a node behind a deployed one seems to send summaries")
	}
}

// One of two neighbours has an update that came past a deployed node, the other has it as
// its node sent it. They differ until that is told; nothing else is taken for that update.
func TestBareRecordIsCompleted(t *testing.T) {
	bare := func() *wire.RoutingUpdate { return update("c", 9, map[string]float64{"b": 1}) }
	db := New("a", NewPool())
	db.SetLinks(map[string]float64{"b": 1})
	apply(db, summarizing(update("b", 1, map[string]float64{"a": 1, "c": 1})))
	apply(db, bare())
	before := summaryOf(db, 1)
	otherID, otherLinks := bare(), bare()
	otherID.UpdateID = "other"
	otherLinks.Connections["x"] = 1
	for _, forged := range []*wire.RoutingUpdate{otherID, otherLinks} {
		if got := apply(db, summarizing(forged)); got != Stale {
			t.Errorf("%+v instead of the record: verdict %v, want that it is stale", forged, got)
		}
	}
	frame := forwarded(summarizing(bare()))
	if k, ok := wire.PeekRouting(frame); !ok || db.IsStale(k) {
		t.Error("the whole update is taken for the bare one")
	}
	if got := apply(db, summarizing(bare())); got != Completed {
		t.Errorf("the whole update: verdict %v, want that it completes the record", got)
	}
	if after := summaryOf(db, 1); after == before {
		t.Error("the summary does not say whether the update came past a deployed node")
	}
	for _, again := range []*wire.RoutingUpdate{bare(), summarizing(bare())} {
		if got := apply(db, again); got != Stale {
			t.Errorf("%+v after the whole update: verdict %v, want that it is stale", again, got)
		}
		if k, ok := wire.PeekRouting(forwarded(again)); !ok || !db.IsStale(k) {
			t.Errorf("%+v after the whole update: it seems to be news", again)
		}
	}
}

// What a suspicion has revoked is not told to a peer that comes up, but to one that
// knows something else.
func TestRevokedRecordIsToldWhereItDiffers(t *testing.T) {
	pool := NewPool()
	db := New("a", pool)
	db.SetLinks(map[string]float64{"b": 1})
	u, _, err := pool.Parse(forwarded(&wire.RoutingUpdate{NodeID: "b", UpdateEpoch: 9, UpdateSequence: 1, Connections: map[string]float64{"a": 1}}))
	if err != nil {
		t.Fatal(err)
	}
	db.Apply(u)
	if !db.Suspect(parsed(db, &wire.RoutingUpdate{NodeID: "b", UpdateEpoch: 5, UpdateSequence: 7, SuspectedDuplicate: 9})) {
		t.Fatal("the suspicion was ignored")
	}
	db.Routes(t0.Add(time.Second))
	if got := len(db.Frames()); got != 0 {
		t.Errorf("%d updates for a peer that comes up, want none", got)
	}
	frames := db.FramesOf(^wire.PartSet(0))
	if len(frames) != 1 {
		t.Fatalf("%d updates for a peer that differs, want one", len(frames))
	}
	told, err := wire.ParseRouting(frames[0])
	if err != nil || told.UpdateEpoch != 5 || told.UpdateSequence != 7 || told.ForwardingNode != "a" {
		t.Errorf("told %+v (%v), want the record under the date of the true node", told, err)
	}
}

// forwarded returns the frame of an update that some node passes on.
func forwarded(r *wire.RoutingUpdate) []byte {
	r.ForwardingNode = "b"
	return r.Encode()
}
