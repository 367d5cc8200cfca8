// Package seed splits one seed into independent streams of random numbers, by
// purpose and by name. What is drawn for one link then does not depend on
// which other links there are: adding a node to a scenario leaves the rest of
// its run alone.
package seed

import (
	"encoding/binary"
	"math/rand/v2"

	"github.com/minio/highwayhash"
)

// Source returns the stream that belongs to a purpose ("loss") and a name (that
// of a link) under a seed. Equal arguments give equal streams; the caller owns
// the source, which is not safe for concurrent use.
func Source(seed uint64, purpose, name string) *rand.PCG {
	var key [highwayhash.Size]byte
	binary.LittleEndian.PutUint64(key[:], seed)
	sum := highwayhash.Sum128([]byte(purpose+"\x00"+name), key[:])
	return rand.NewPCG(binary.LittleEndian.Uint64(sum[:8]), binary.LittleEndian.Uint64(sum[8:]))
}

// Rand returns a generator on the stream of Source.
func Rand(seed uint64, purpose, name string) *rand.Rand {
	return rand.New(Source(seed, purpose, name))
}

// Begin returns a source that begins with a number, which is not 0, and goes on with
// another source. (An epoch is made of time and the first random number.)
func Begin(first uint64, then rand.Source) rand.Source { return &beginning{first, then} }

type beginning struct {
	first uint64 // 0: used up
	then  rand.Source
}

// Uint64 implements rand.Source.
func (b *beginning) Uint64() uint64 {
	if v := b.first; v != 0 {
		b.first = 0
		return v
	}
	return b.then.Uint64()
}
