package full

import (
	"context"
	"unsafe"

	"github.com/tetratelabs/wazero/experimental"
	"golang.org/x/sys/unix"
)

// hugePage is the size of a huge page where there are any.
const hugePage = 2 << 20

// withLinearMemory gives guests memory that grows in place, and is in huge pages
// if the machine has some: a run of whole daemons touches so much of it that it
// waits for the page tables otherwise.
func withLinearMemory(ctx context.Context) context.Context {
	return experimental.WithMemoryAllocator(ctx, experimental.MemoryAllocatorFunc(reserve))
}

// linearMemory is the memory of one guest.
type linearMemory struct {
	mapped []byte // nil: the machine does not give so many addresses
	usable []byte // as much of it as there may be, or else what there is
}

// reserve takes addresses for as much memory as there may ever be. The machine gives
// the memory itself when it is touched.
func reserve(_, limit uint64) experimental.LinearMemory {
	mapped, err := unix.Mmap(-1, 0, int(limit)+hugePage, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE|unix.MAP_NORESERVE)
	if err != nil {
		return new(linearMemory)
	}
	start := -uintptr(unsafe.Pointer(unsafe.SliceData(mapped))) % hugePage
	m := &linearMemory{mapped: mapped, usable: mapped[start : start+uintptr(limit)]}
	_ = unix.Madvise(m.usable, unix.MADV_HUGEPAGE) // without, it is only slower
	return m
}

// Reallocate implements experimental.LinearMemory. wazero keeps to the limit.
func (m *linearMemory) Reallocate(size uint64) []byte {
	if m.mapped == nil {
		m.usable = append(m.usable, make([]byte, size-uint64(len(m.usable)))...)
	}
	return m.usable[:size]
}

// Free implements experimental.LinearMemory.
func (m *linearMemory) Free() {
	if m.mapped != nil {
		_ = unix.Munmap(m.mapped)
	}
}
