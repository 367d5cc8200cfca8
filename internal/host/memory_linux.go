package host

import "golang.org/x/sys/unix"

// TotalMemoryMiB returns the size of the machine's memory in MiB, 0 if it is
// not known.
func TotalMemoryMiB() uint64 {
	var info unix.Sysinfo_t
	if unix.Sysinfo(&info) != nil {
		return 0
	}
	return uint64(info.Totalram) * uint64(info.Unit) >> 20
}
