//go:build unix

package host

import (
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func TestListenUnix(t *testing.T) {
	old := unix.Umask(0)
	defer unix.Umask(old)
	path := filepath.Join(t.TempDir(), "sock")
	for _, perm := range []fs.FileMode{0o600, 0o660} {
		l, err := ListenUnix(path, perm)
		if err != nil {
			t.Fatal(err)
		}
		if info, err := os.Stat(path); err != nil || info.Mode() != perm|fs.ModeSocket {
			t.Errorf("mode %v, %v; want %v", info.Mode(), err, perm)
		}
		conn, err := net.Dial("unix", path)
		if err != nil {
			t.Fatal(err)
		}
		conn.Close()
		if _, err := ListenUnix(path, perm); err == nil || !strings.Contains(err.Error(), "another process uses it") {
			t.Errorf("listening twice: %v", err)
		}
		if _, err := net.Dial("unix", path); err != nil {
			t.Errorf("the first listener lost its socket: %v", err)
		}
		l.Close()
		if _, err := os.Stat(path); !os.IsNotExist(err) {
			t.Errorf("the socket is still there: %v", err)
		}
		l.Close()
	}
}

// A crash leaves the socket and the lock file, but not the lock.
func TestListenUnixAfterCrash(t *testing.T) {
	path := filepath.Join(t.TempDir(), "sock")
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	l.SetUnlinkOnClose(false)
	l.Close()
	if err := os.WriteFile(path+".lock", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	fresh, err := ListenUnix(path, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	fresh.Close()
}

func TestListenUnixErrors(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	elsewhere := filepath.Join(dir, "elsewhere")
	if err := os.Symlink(elsewhere, filepath.Join(dir, "lured.lock")); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		file:                              "something that is not a socket",
		filepath.Join(dir, "none", "s"):   "there is no directory " + filepath.Join(dir, "none") + ": make it",
		filepath.Join(file, "s"):          file + " is not a directory",
		dir + strings.Repeat("/long", 40): "bytes: want 1", // 107, or what the system has
		filepath.Join(dir, "lured"):       "too many levels of symbolic links",
	} {
		if _, err := ListenUnix(path, 0o600); err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: %v, want %q", path, err, want)
		}
	}
	if _, err := os.Lstat(elsewhere); !os.IsNotExist(err) {
		t.Errorf("a link had a file made elsewhere: %v", err)
	}
	if b, err := os.ReadFile(file); err != nil || string(b) != "precious" {
		t.Errorf("the file holds %q, %v", b, err)
	}
}
