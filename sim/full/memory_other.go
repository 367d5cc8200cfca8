//go:build !linux

package full

import "context"

// withLinearMemory leaves the memory of guests to wazero.
func withLinearMemory(ctx context.Context) context.Context { return ctx }
