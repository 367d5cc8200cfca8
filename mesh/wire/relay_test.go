package wire

import (
	"bytes"
	"testing"

	"pgregory.net/rapid"
)

// awkward are node IDs that a careless reader of JSON would trip over.
var awkward = []string{"a", "b<c>&d", `quo"te`, `back\slash`, "zürich", "\x00", "\xff", `,"ForwardingNode":"x"`, "ForwardingNode", " "}

// A frame passed on is what Encode makes of the update, whatever is in it.
func TestRelayIsTheUpdateWithAnotherForwarder(t *testing.T) {
	t.Parallel()
	names := rapid.SampledFrom(awkward)
	rapid.Check(t, func(t *rapid.T) {
		u := RoutingUpdate{
			NodeID: names.Draw(t, "node"), UpdateID: names.Draw(t, "update"),
			UpdateEpoch: rapid.Uint64().Draw(t, "epoch"), UpdateSequence: rapid.Uint64().Draw(t, "sequence"),
			Connections:        rapid.MapOf(names, rapid.Float64Range(1e-9, 1e30)).Draw(t, "connections"),
			ForwardingNode:     names.Draw(t, "forwarder"),
			SuspectedDuplicate: rapid.Uint64().Draw(t, "suspect"),
			Features:           rapid.SliceOfN(names, 0, 3).Draw(t, "features"),
		}
		relay := u.Relay()
		u.ForwardingNode = names.Draw(t, "next forwarder")
		frame := relay.Frame(u.ForwardingNode)
		if want := u.Encode(); !bytes.Equal(frame, want) {
			t.Fatalf("passed on as %s, want %s", frame, want)
		}
		by, ok := relay.Forwarder(frame)
		if plain := isPlain(u.ForwardingNode); ok != plain || ok && string(by) != u.ForwardingNode {
			t.Fatalf("recognised: %v, passed on by %q; want %v, %q", ok, by, plain, u.ForwardingNode)
		}
	})
}

func TestRelayOfCapture(t *testing.T) {
	t.Parallel()
	var relays []Relay
	var frames [][]byte
	for _, frame := range captured(t) {
		if Type(frame[0]) != TypeRouting {
			continue
		}
		u, err := ParseRouting(frame)
		if err != nil {
			t.Fatal(err)
		}
		r := u.Relay()
		if got := r.Frame(u.ForwardingNode); !bytes.Equal(got, frame) {
			t.Errorf("passed on as\n%s, want\n%s", got, frame)
		}
		if id, ok := PeekNode(frame); !ok || string(id) != u.NodeID {
			t.Errorf("peeked node %q (%v) at %s", id, ok, frame)
		}
		relays, frames = append(relays, r), append(frames, frame)
	}
	// Each is taken for itself, and for no other.
	for i, r := range relays {
		for k, frame := range frames {
			u, _ := ParseRouting(frame)
			by, ok := r.Forwarder(frame)
			if same := bytes.Equal(r.Frame("x"), relays[k].Frame("x")); ok != same || ok && string(by) != u.ForwardingNode {
				t.Errorf("update %d is frame %d: %v, passed on by %q", i, k, ok, by)
			}
		}
	}
}

// Whatever is between what identifies an update, only a node ID is one.
func TestForwarderMustBeANodeID(t *testing.T) {
	t.Parallel()
	u := RoutingUpdate{NodeID: "a", ForwardingNode: "b"}
	r := u.Relay()
	for _, forwarder := range []string{``, `""`, `"`, `"a`, `a"`, `"a\"`, `"a","x":"b"`, `"é"`, `17`, `"` + string(make([]byte, 256)) + `"`} {
		frame := append(bytes.Clone(r.head), forwarder...)
		frame = append(frame, r.tail...)
		if id, ok := r.Forwarder(frame); ok {
			t.Errorf("%s: passed on by %q", forwarder, id)
		}
	}
}

func BenchmarkForwarder(b *testing.B) {
	frame := captured(b)[2]
	u, err := ParseRouting(frame)
	if err != nil {
		b.Fatal(err)
	}
	r := u.Relay()
	b.ReportAllocs()
	for b.Loop() {
		if _, ok := r.Forwarder(frame); !ok {
			b.Fatal("not recognised")
		}
	}
}
