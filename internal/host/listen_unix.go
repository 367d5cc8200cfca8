//go:build unix

package host

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// ListenUnix listens on a Unix socket with the given permissions. It holds a
// lock on FILE.lock beside it for as long as the listener is open; so a socket
// that is there without the lock is one that a crash has left, and is
// replaced. While another process holds the lock the error says so.
func ListenUnix(path string, perm fs.FileMode) (net.Listener, error) {
	// The system says "invalid argument".
	if most := len(unix.RawSockaddrUnix{}.Path) - 1; len(path) > most {
		return nil, fmt.Errorf("listen on the Unix socket %s: its path has %d bytes: want %d at most", path, len(path), most)
	}
	lock, err := lockFile(path + ".lock")
	if err := describeDir(filepath.Dir(path), err); err != nil {
		return nil, fmt.Errorf("listen on the Unix socket %s: %w", path, err)
	}
	l, err := listenLocked(path, perm)
	if err != nil {
		lock.Close()
		return nil, fmt.Errorf("listen on the Unix socket %s: %w", path, err)
	}
	return &unixListener{Listener: l, lock: lock}, nil
}

// describeDir replaces an error that the directory of a socket is the reason for.
func describeDir(dir string, err error) error {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("there is no directory %s: make it, or choose another filename", dir)
	case errors.Is(err, unix.ENOTDIR):
		return fmt.Errorf("%s is not a directory: choose another filename", dir)
	}
	return err
}

// lockFile makes a file if need be and takes its lock, which the process holds
// until it closes the file. It follows no symbolic link: in a directory for all,
// such as /tmp, somebody could have this user make a file elsewhere by one.
func lockFile(name string) (*os.File, error) {
	f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE|unix.O_NOFOLLOW, fileMode)
	if err != nil {
		return nil, err
	}
	err = unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	if err == nil {
		return f, nil
	}
	f.Close()
	if errors.Is(err, unix.EWOULDBLOCK) {
		return nil, fmt.Errorf("another process uses it: %s is locked: end that, or choose another filename", name)
	}
	return nil, fmt.Errorf("lock %s: %w", name, err)
}

func listenLocked(path string, perm fs.FileMode) (net.Listener, error) {
	switch info, err := os.Lstat(path); {
	case err == nil && info.Mode().Type() != fs.ModeSocket:
		return nil, errors.New("there is something that is not a socket: remove it, or choose another filename")
	case err == nil:
		if err := os.Remove(path); err != nil {
			return nil, err
		}
	case !errors.Is(err, fs.ErrNotExist):
		return nil, err
	}
	// The mode of the descriptor is that of the file which bind makes, less the
	// umask: at no moment may more than perm be allowed.
	config := net.ListenConfig{Control: func(_, _ string, c syscall.RawConn) error {
		return c.Control(func(fd uintptr) {
			_ = unix.Fchmod(int(fd), uint32(perm.Perm())) // not on every system; Chmod below is
		})
	}}
	l, err := config.Listen(context.Background(), "unix", path)
	if err != nil {
		return nil, err
	}
	if err := os.Chmod(path, perm.Perm()); err != nil {
		l.Close()
		return nil, err
	}
	return l, nil
}

// unixListener gives up its lock when it is closed.
type unixListener struct {
	net.Listener
	lock  *os.File
	close sync.Once
}

// Close implements net.Listener. It removes the socket, and then gives up the
// lock; the lock file stays, for otherwise two processes could lock two files
// of that name.
func (l *unixListener) Close() error {
	err := l.Listener.Close()
	l.close.Do(func() { l.lock.Close() })
	return err
}
