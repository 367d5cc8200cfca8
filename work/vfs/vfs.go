// Package vfs is the file system as package work sees it: as much as units need,
// and with what must survive a crash said explicitly. internal/host has the files of
// the machine.
package vfs

import "io"

// FS is where units are kept. Paths are separated by slashes. Files have the
// mode 0600 and directories 0700. Errors for what does not exist match
// fs.ErrNotExist. All methods may be called from any goroutine.
type FS interface {
	// Open opens a file.
	Open(name string, mode Mode) (File, error)
	// MkdirAll makes a directory and those above it.
	MkdirAll(name string) error
	// ReadDir returns the names in a directory, sorted.
	ReadDir(name string) ([]string, error)
	// Rename replaces newName by oldName in one step.
	Rename(oldName, newName string) error
	// RemoveAll removes a file or a directory with all that is in it.
	RemoveAll(name string) error
	// SyncDir returns once the entries of a directory would survive a crash.
	SyncDir(name string) error
	// Free returns how many bytes can still be written to the disk that a
	// directory is on.
	Free(name string) (int64, error)
}

// Mode says what a file is opened for.
type Mode int

const (
	// Read reads an existing file.
	Read Mode = iota
	// Create writes a file that is made, or emptied, for it.
	Create
	// Append writes at the end of a file, which is made if need be.
	Append
	// Update reads an existing file, and writes at any of its bytes. Until it is closed
	// no other process has it open so: Open waits for that.
	Update
)

// File is an open file. Reads and Size may be made from any goroutine, the
// rest by one at a time.
type File interface {
	io.ReaderAt
	io.Writer
	// WriteAt is for files that are open for Update.
	io.WriterAt
	io.Closer
	// Sync returns once what was written would survive a crash.
	Sync() error
	// Size returns the length in bytes.
	Size() (int64, error)
	// Truncate cuts the file to a length in bytes.
	Truncate(size int64) error
}
