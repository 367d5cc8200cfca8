//go:build !linux

package host

import (
	"fmt"
	"io"
	"runtime"
)

// RunOnTerminal is not on this system.
func RunOnTerminal(string, ...string) (io.ReadWriteCloser, error) {
	return nil, fmt.Errorf("commands run on terminals on Linux only, not on %s", runtime.GOOS)
}
