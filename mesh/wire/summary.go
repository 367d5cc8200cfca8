package wire

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/bits"
	"time"
)

// SummaryParts is the number of parts into which a summary divides the nodes of
// the mesh, and what is known of them, so that two who differ need not tell each
// other everything.
const SummaryParts = 32

// Summary says what a node knows of the mesh in a few bytes: for each part the
// exclusive or of the digests of all that is known of its nodes. Two nodes with
// equal summaries know the same (PROTOCOL section 2.5).
type Summary [SummaryParts]uint64

const summarySize = 1 + 8*SummaryParts

// PartOf returns the part that a node belongs to, by its hash.
func PartOf(node uint64) int { return int(node >> (64 - 5)) }

// Add adds a digest to a part. Added again, it is taken away.
func (s *Summary) Add(part int, d Digest) { s[part] ^= uint64(d) }

// Differences returns in which parts two summaries differ.
func (s *Summary) Differences(o *Summary) (d PartSet) {
	for i := range s {
		if s[i] != o[i] {
			d |= 1 << i
		}
	}
	return d
}

// PartSet is a set of parts, a bit for each.
type PartSet uint32

// Len returns how many parts the set has.
func (p PartSet) Len() int { return bits.OnesCount32(uint32(p)) }

// Has reports whether a part is in the set.
func (p PartSet) Has(part int) bool { return p>>part&1 != 0 }

// Encode returns the summary as a frame.
func (s *Summary) Encode() []byte {
	frame := make([]byte, 1, summarySize)
	frame[0] = byte(TypeSummary)
	for _, digest := range s {
		frame = binary.BigEndian.AppendUint64(frame, digest)
	}
	return frame
}

// ParseSummary decodes a summary whose type has been checked.
func ParseSummary(frame []byte) (*Summary, error) {
	if len(frame) != summarySize {
		return nil, fmt.Errorf("summary of %d bytes, want %d", len(frame), summarySize)
	}
	s := new(Summary)
	for i := range s {
		s[i] = binary.BigEndian.Uint64(frame[1+8*i:])
	}
	return s, nil
}

// Digest is that of something that is known. It is made of words, one after the
// other.
type Digest uint64

// DigestRecord begins the digest of a routing update: of which node, by its hash, of
// which run of it, and whether the update tells that the node sends summaries, which one
// that came past a deployed node does not. The sequence has no part in it: two updates
// that say the same are equally good. Connections are to be added.
func DigestRecord(node, epoch uint64, summarizes bool) Digest {
	d := Digest(node).with(epoch)
	if !summarizes {
		d = d.with(bare)
	}
	return d
}

// bare is what is added to the digest of an update without FeatureSummary.
const bare = 1

// Connection adds a connection, to a peer by its hash. The order does not matter.
func (d Digest) Connection(peer uint64, cost float64) Digest {
	return d + Digest(peer).with(math.Float64bits(cost))
}

// DigestService returns the digest of an advertisement of a node, by its hash.
func DigestService(node uint64, service Service, at time.Time) Digest {
	return Digest(node).with(binary.BigEndian.Uint64(service[:])).with(uint64(at.Unix())).with(uint64(at.Nanosecond()))
}

// with mixes a word in, by the finalizer of SplitMix64.
func (d Digest) with(word uint64) Digest {
	const golden = 0x9e3779b97f4a7c15
	x := (uint64(d) ^ word) + golden
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return Digest(x ^ x>>31)
}
