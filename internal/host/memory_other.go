//go:build !linux

package host

// TotalMemoryMiB returns the size of the machine's memory in MiB, 0 if it is
// not known, as here.
func TotalMemoryMiB() uint64 { return 0 }
