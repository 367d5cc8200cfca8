//go:build !linux

package host

import (
	"fmt"
	"net/netip"
	"runtime"

	"receptor/internal/iprouter"
)

// OpenTUN is not on this system.
func OpenTUN(string, netip.Prefix) (iprouter.Device, error) {
	return nil, fmt.Errorf("network interfaces for IP routers are on Linux only, not on %s", runtime.GOOS)
}
