package host

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// WriteFile makes a file that only its owner may use, or replaces one, or what a
// symbolic link leads to, which keeps its owner and permissions. Whenever the
// machine stops, it is the old file or the new one. A device or a pipe is
// written to.
func WriteFile(name string, data []byte) error { return writeFile(name, data, fs.ModePerm) }

// WriteSecret is WriteFile, but nobody else than its owner may use the file,
// even if others could before.
func WriteSecret(name string, data []byte) error { return writeFile(name, data, fileMode) }

// writeFile keeps those permissions of an old file that are in the mask.
func writeFile(name string, data []byte, mask fs.FileMode) error {
	if target, err := filepath.EvalSymlinks(name); err == nil {
		name = target
	}
	old, err := os.Stat(name)
	if err != nil {
		old = nil // there is none, or what follows fails too
	}
	if old != nil && !old.Mode().IsRegular() {
		return writeInto(name, data)
	}
	temp, err := os.CreateTemp(filepath.Dir(name), ".new-*") // of mode 0600
	if err != nil {
		return fmt.Errorf("writing %s: %w", name, err)
	}
	defer os.Remove(temp.Name()) // it has been renamed, if all is well
	_, err = temp.Write(data)
	if err == nil && old != nil {
		err = keepOwner(temp, old)
	}
	if err == nil && old != nil {
		err = temp.Chmod(old.Mode().Perm() & mask)
	}
	if err == nil {
		err = temp.Sync()
	}
	if closeErr := temp.Close(); err == nil {
		err = closeErr
	}
	if err == nil {
		err = os.Rename(temp.Name(), name)
	}
	if err == nil {
		err = FS{}.SyncDir(filepath.Dir(name))
	}
	if err != nil {
		return fmt.Errorf("writing %s: %w", name, err)
	}
	return nil
}

// writeInto writes to what is no regular file.
func writeInto(name string, data []byte) error {
	f, err := os.OpenFile(name, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	return err
}
