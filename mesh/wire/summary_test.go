package wire

import (
	"testing"
	"time"
)

func TestSummaryRoundTrip(t *testing.T) {
	var s Summary
	s.Add(0, 1)
	s.Add(31, 1<<63)
	frame := s.Encode()
	back, err := ParseSummary(frame)
	if err != nil || *back != s || len(frame) != 257 || frame[0] != 4 || frame[8] != 1 {
		t.Fatalf("%v became % x, and that %v (%v)", s, frame, back, err)
	}
	if d := back.Differences(&s); d != 0 {
		t.Errorf("it differs from itself in %b", d)
	}
	back.Add(31, 1<<63)
	if d := back.Differences(&s); d != 1<<31 || !d.Has(31) || d.Has(0) {
		t.Errorf("differences %b, want the last part", d)
	}
}

func TestPartsAreOfAllNodes(t *testing.T) {
	for _, c := range []struct {
		hash uint64
		part int
	}{{0, 0}, {1<<59 - 1, 0}, {1 << 59, 1}, {^uint64(0), 31}} {
		if got := PartOf(c.hash); got != c.part {
			t.Errorf("hash %x is of part %d, want %d", c.hash, got, c.part)
		}
	}
}

// The digests are part of the protocol: nodes of different versions compare them.
func TestDigests(t *testing.T) {
	at := time.Date(2026, 1, 2, 3, 4, 5, 678, time.UTC)
	record := DigestRecord(HashNode("a"), 7, true).Connection(HashNode("b"), 1).Connection(HashNode("c"), 2.5)
	if record != DigestRecord(HashNode("a"), 7, true).Connection(HashNode("c"), 2.5).Connection(HashNode("b"), 1) {
		t.Error("the order of connections matters")
	}
	service := DigestService(HashNode("a"), Service{'s', 'v', 'c'}, at)
	if record != wantRecord || service != wantService {
		t.Errorf("digests %#x and %#x, want %#x and %#x", uint64(record), uint64(service), uint64(wantRecord), uint64(wantService))
	}
	seen := map[Digest]string{record: "record", service: "service"}
	for name, d := range map[string]Digest{
		"another node":         DigestRecord(HashNode("x"), 7, true).Connection(HashNode("b"), 1).Connection(HashNode("c"), 2.5),
		"another epoch":        DigestRecord(HashNode("a"), 8, true).Connection(HashNode("b"), 1).Connection(HashNode("c"), 2.5),
		"sends no summaries":   DigestRecord(HashNode("a"), 7, false).Connection(HashNode("b"), 1).Connection(HashNode("c"), 2.5),
		"a connection less":    DigestRecord(HashNode("a"), 7, true).Connection(HashNode("b"), 1),
		"another cost":         DigestRecord(HashNode("a"), 7, true).Connection(HashNode("b"), 1).Connection(HashNode("c"), 2),
		"costs exchanged":      DigestRecord(HashNode("a"), 7, true).Connection(HashNode("b"), 2.5).Connection(HashNode("c"), 1),
		"service, other node":  DigestService(HashNode("b"), Service{'s', 'v', 'c'}, at),
		"service, other name":  DigestService(HashNode("a"), Service{'s', 'v', 'd'}, at),
		"service, second more": DigestService(HashNode("a"), Service{'s', 'v', 'c'}, at.Add(time.Second)),
		"service, ns more":     DigestService(HashNode("a"), Service{'s', 'v', 'c'}, at.Add(1)),
	} {
		if seen[d] != "" {
			t.Errorf("%s has the digest of %s", name, seen[d])
		}
		seen[d] = name
	}
}

const (
	wantRecord  Digest = 0xa94a2cae0bccecff
	wantService Digest = 0xeafb098cc81182f3
)
