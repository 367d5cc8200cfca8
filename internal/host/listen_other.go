//go:build !unix

package host

import (
	"fmt"
	"io/fs"
	"net"
	"runtime"
)

// ListenUnix returns an error: this system has no such sockets.
func ListenUnix(path string, _ fs.FileMode) (net.Listener, error) {
	return nil, fmt.Errorf("listen on the Unix socket %s: not available on %s, use a mesh service instead", path, runtime.GOOS)
}
