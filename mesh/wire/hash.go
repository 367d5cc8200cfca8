package wire

import "github.com/minio/highwayhash"

var zeroKey [32]byte

// HashNode returns the hash that stands for a node ID in data frames:
// HighwayHash-64 with a key of 32 zero bytes (PROTOCOL section 2.1).
func HashNode(id string) uint64 { return highwayhash.Sum64([]byte(id), zeroKey[:]) }
