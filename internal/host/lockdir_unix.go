//go:build unix

package host

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// LockDir keeps other processes of this machine from locking a directory, until
// unlock is called or this process ends. A file system without locks has nobody
// kept from anything.
func LockDir(dir string) (unlock func(), err error) {
	f, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	err = unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	if errors.Is(err, unix.EWOULDBLOCK) {
		f.Close()
		return nil, fmt.Errorf("another process uses %s: want a node ID, or a datadir, of its own for each node", dir)
	}
	return func() { f.Close() }, nil
}
