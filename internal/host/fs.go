package host

import (
	"errors"
	"os"
	"slices"

	"receptor/work/vfs"
)

const (
	fileMode = 0o600
	dirMode  = 0o700
)

// FS is the machine's file system. The zero value is ready for use.
type FS struct{}

var _ vfs.FS = FS{}

// Open implements vfs.FS.
func (FS) Open(name string, mode vfs.Mode) (vfs.File, error) {
	flags := os.O_RDONLY
	switch mode {
	case vfs.Update:
		f, err := openUpdate(name)
		if err != nil {
			return nil, err
		}
		return file{f}, nil
	case vfs.Create:
		flags = os.O_WRONLY | os.O_CREATE | os.O_TRUNC
	case vfs.Append:
		flags = os.O_WRONLY | os.O_CREATE | os.O_APPEND
	}
	f, err := os.OpenFile(name, flags, fileMode)
	if err != nil {
		return nil, err
	}
	return file{f}, nil
}

// MkdirAll implements vfs.FS.
func (FS) MkdirAll(name string) error { return os.MkdirAll(name, dirMode) }

// ReadDir implements vfs.FS.
func (FS) ReadDir(name string) ([]string, error) {
	entries, err := os.ReadDir(name)
	if err != nil {
		return nil, err
	}
	names := make([]string, len(entries))
	for i, e := range entries {
		names[i] = e.Name()
	}
	slices.Sort(names)
	return names, nil
}

// Rename implements vfs.FS.
func (FS) Rename(oldName, newName string) error { return os.Rename(oldName, newName) }

// RemoveAll implements vfs.FS.
func (FS) RemoveAll(name string) error { return os.RemoveAll(name) }

// SyncDir implements vfs.FS.
func (FS) SyncDir(name string) error {
	d, err := os.Open(name)
	if err != nil {
		return err
	}
	return errors.Join(syncDir(d), d.Close())
}

// file is an open file.
type file struct{ *os.File }

// Sync implements vfs.File.
func (f file) Sync() error { return syncData(f.File) }

// Size implements vfs.File.
func (f file) Size() (int64, error) {
	info, err := f.Stat()
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}
