//go:build !linux

package host

import "os"

// openUpdate opens a file for vfs.Update. Where no supervisors are there is no other
// process that does.
func openUpdate(name string) (*os.File, error) { return os.OpenFile(name, os.O_RDWR, 0) }

// syncData returns once the content of a file is safe.
func syncData(f *os.File) error { return f.Sync() }
