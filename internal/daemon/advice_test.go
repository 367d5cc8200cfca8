package daemon

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// What the system says of a port, an address or a file comes with what would be right.
func TestAdvice(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	_, inUse := net.Listen("tcp", taken.Addr().String())
	_, noAddress := net.Listen("tcp", "192.0.2.1:0") // of documentation alone
	_, noFile := os.ReadFile(filepath.Join(t.TempDir(), "none"))
	for _, c := range []struct {
		err  error
		want string
	}{
		{inUse, "another program, or another item of this node, has that port"},
		{noAddress, "this machine has no such address"},
		{noFile, "make it, or correct the path"},
		{&net.OpError{Op: "listen", Err: os.NewSyscallError("bind", syscall.EACCES)}, "the user of this node may not listen there: choose a port"},
		{&fs.PathError{Op: "open", Path: "/x", Err: syscall.EACCES}, "the user of this node may not do that: change the owner"},
		{&net.OpError{Op: "listen", Err: os.NewSyscallError("socket", syscall.EMFILE)}, "this process has as many files and connections open as it may: raise its limit (ulimit -n"},
		{&net.OpError{Op: "accept", Err: os.NewSyscallError("accept4", syscall.ENFILE)}, "this machine has as many files and connections open as it may"},
		{errors.New("something else"), ""},
	} {
		wrapped := fmt.Errorf("r.yml:2: item: %w", c.err)
		got := advised(wrapped)
		if want := wrapped.Error() + ": " + c.want; c.want != "" && !strings.HasPrefix(got.Error(), want) || c.want == "" && got != wrapped {
			t.Errorf("%v becomes %v, want the advice %q", c.err, got, c.want)
		}
		if !errors.Is(got, c.err) {
			t.Errorf("%v is lost", c.err)
		}
	}
}
