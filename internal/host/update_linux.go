package host

import (
	"errors"
	"fmt"
	"os"
	"slices"

	"golang.org/x/sys/unix"
)

// The bytes of a file that are locked: who writes the status of a unit has the first one
// for that long; its supervisor, from its claim until it is through with the unit, the
// second. The locks are of the open file (fcntl(2), open file description locks): they
// end with the process, and to look at one does not take it. Where there are none, as in
// some sandboxes and on some network file systems, only the claim itself keeps supervisors
// apart, and their process IDs tell whether they live.
const (
	updateByte = iota
	lifeByte
)

// openUpdate opens a file for vfs.Update.
func openUpdate(name string) (*os.File, error) {
	for {
		f, err := os.OpenFile(name, os.O_RDWR, 0)
		if err != nil {
			return nil, err
		}
		err = lockByte(f, unix.F_OFD_SETLKW, &unix.Flock_t{Type: unix.F_WRLCK, Start: updateByte})
		if hasNoLocks(err) {
			return f, nil
		}
		if err == nil && isNamed(f, name) {
			return f, nil
		}
		f.Close()
		if err != nil {
			return nil, err
		} // or else another one was put in its place meanwhile
	}
}

// isNamed reports whether a file has a name still.
func isNamed(f *os.File, name string) bool {
	held, err := f.Stat()
	if err != nil {
		return false
	}
	named, err := os.Stat(name)
	return err == nil && os.SameFile(held, named)
}

// endUpdate lets others open the file for vfs.Update.
func endUpdate(f *os.File) error {
	err := lockByte(f, unix.F_OFD_SETLK, &unix.Flock_t{Type: unix.F_UNLCK, Start: updateByte})
	if hasNoLocks(err) {
		return nil
	}
	return err
}

// hasNoLocks tells of an error of lockByte that says that there are no locks.
func hasNoLocks(err error) bool {
	return slices.ContainsFunc([]error{unix.EINVAL, unix.ENOSYS, unix.ENOLCK, unix.EOPNOTSUPP}, func(e error) bool { return errors.Is(err, e) })
}

// setLock is the system call. Only tests change it.
var setLock = unix.FcntlFlock

// lockByte locks one byte of a file, or looks whether it is locked.
func lockByte(f *os.File, command int, lock *unix.Flock_t) error {
	lock.Len = 1
	for {
		err := setLock(f.Fd(), command, lock)
		if err == nil {
			return nil
		}
		if !errors.Is(err, unix.EINTR) {
			return fmt.Errorf("lock %s: %w", f.Name(), err)
		}
	}
}

// syncData returns once the content of a file is safe.
func syncData(f *os.File) error {
	for {
		err := unix.Fdatasync(int(f.Fd()))
		if err == nil {
			return nil
		}
		if !errors.Is(err, unix.EINTR) {
			return &os.PathError{Op: "sync", Path: f.Name(), Err: err}
		}
	}
}
