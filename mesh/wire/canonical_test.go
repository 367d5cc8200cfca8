package wire

import (
	"bytes"
	"encoding/json"
	"reflect"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// routing draws an update, of which names and costs are plain or any.
func routing(t *rapid.T, plain bool) *RoutingUpdate {
	names, costs := rapid.SampledFrom(awkward), rapid.Float64Range(1e-9, 1e30)
	if plain {
		names = rapid.StringMatching(`[a-z0-9 .,:{}\[\]-]{0,9}`)
		costs = rapid.Map(rapid.Uint64Range(0, maxExact-1), func(n uint64) float64 { return float64(n) })
	}
	return &RoutingUpdate{
		NodeID: names.Draw(t, "node"), UpdateID: names.Draw(t, "update"),
		UpdateEpoch: rapid.Uint64().Draw(t, "epoch"), UpdateSequence: rapid.Uint64().Draw(t, "sequence"),
		Connections:        rapid.MapOf(names, costs).Draw(t, "connections"),
		ForwardingNode:     names.Draw(t, "forwarder"),
		SuspectedDuplicate: rapid.Uint64().Draw(t, "suspect"),
		Features:           rapid.SliceOfN(names, 0, 3).Draw(t, "features"),
	}
}

// With and without encoding/json, an update is the same text.
func TestRoutingIsTheJSONOfTheStandardLibrary(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		u := routing(t, rapid.Bool().Draw(t, "plain"))
		if rapid.Bool().Draw(t, "without connections") {
			u.Connections = nil
		}
		want := encodeJSON(TypeRouting, u)
		if got := u.Encode(); !bytes.Equal(got, want) {
			t.Fatalf("an update is\n%q, want\n%q", got, want)
		}
	})
}

// What is read without encoding/json is what that reads, also from texts that are
// nearly as they should be.
func TestCanonicalIsWhatTheStandardLibraryReads(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		frame := encodeJSON(TypeRouting, routing(t, true))
		if parseCanonical(frame) == nil {
			t.Fatalf("not recognised: %q", frame)
		}
		frame = damaged(t, frame)
		got, want := parseCanonical(frame), new(RoutingUpdate)
		if got == nil {
			return
		}
		if err := json.Unmarshal(frame[1:], want); err != nil || !reflect.DeepEqual(got, want) {
			t.Fatalf("%q is read as\n%+v, want\n%+v, error %v", frame, got, want, err)
		}
	})
}

// damaged changes a few bytes of a frame, or none.
func damaged(t *rapid.T, frame []byte) []byte {
	at := rapid.IntRange(0, len(frame)).Draw(t, "changed at")
	if at == 0 {
		return frame
	}
	bytes := rapid.SliceOfN(rapid.SampledFrom([]byte(`0123 "{}[],:\.-eaTZ`+"\xff\x00")), 0, 2).Draw(t, "with")
	return slices.Replace(frame, at, min(at+rapid.IntRange(0, 2).Draw(t, "instead of"), len(frame)), bytes...)
}

func TestCanonicalAdvertisementIsWhatTheStandardLibraryReads(t *testing.T) {
	t.Parallel()
	plain := rapid.StringMatching(`[a-z0-9 .,:{}\[\]-]{0,9}`)
	commands := rapid.Custom(func(t *rapid.T) WorkCommand {
		return WorkCommand{plain.Draw(t, "work type"), rapid.Bool().Draw(t, "secure")}
	})
	rapid.Check(t, func(t *rapid.T) {
		ad := &ServiceAdvertisement{
			NodeID: plain.Draw(t, "node"), Service: plain.Draw(t, "service"),
			Time:     time.Unix(rapid.Int64Range(-1<<35, 1<<37).Draw(t, "seconds"), rapid.Int64Range(0, 999999999).Draw(t, "nanoseconds")).UTC(),
			ConnType: ConnType(rapid.Byte().Draw(t, "type")),
			Cancel:   rapid.Bool().Draw(t, "cancel"),
		}
		if rapid.Bool().Draw(t, "tagged") {
			ad.Tags = rapid.MapOf(plain, plain).Draw(t, "tags")
		}
		if rapid.Bool().Draw(t, "works") {
			ad.WorkCommands = rapid.SliceOf(commands).Draw(t, "commands")
		}
		frame := ad.Encode()
		if parseCanonicalAdvertisement(frame) == nil {
			t.Fatalf("not recognised: %q", frame)
		}
		frame = damaged(t, frame)
		got, want := parseCanonicalAdvertisement(frame), new(ServiceAdvertisement)
		if got == nil {
			return
		}
		if err := json.Unmarshal(frame[1:], want); err != nil || !reflect.DeepEqual(got, want) {
			t.Fatalf("%q is read as\n%+v, want\n%+v, error %v", frame, got, want, err)
		}
	})
}

func BenchmarkAdvertisement(b *testing.B) {
	frame := (&ServiceAdvertisement{
		NodeID: "n001", Service: "control", Time: time.Unix(1764000000, 123456789).UTC(), ConnType: ConnStreamTLS,
		Tags: map[string]string{"type": "Control Service"}, WorkCommands: []WorkCommand{{"sim", false}},
	}).Encode()
	for b.Loop() {
		if _, err := ParseAdvertisement(frame); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkRouting(b *testing.B) {
	u := RoutingUpdate{
		NodeID: "n001", UpdateID: "LFxyUI5r", UpdateEpoch: 1764000000, UpdateSequence: 7,
		Connections:    map[string]float64{"n017": 1, "n023": 1, "n117": 2, "n299": 1},
		ForwardingNode: "n017", Features: []string{FeatureExchange, FeatureCancelOnce},
	}
	frame := u.Encode()
	b.Run("encode", func(b *testing.B) {
		for b.Loop() {
			u.Encode()
		}
	})
	b.Run("parse", func(b *testing.B) {
		for b.Loop() {
			if _, err := ParseRouting(frame); err != nil {
				b.Fatal(err)
			}
		}
	})
}
