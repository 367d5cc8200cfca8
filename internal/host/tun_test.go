//go:build linux

package host

import (
	"net/netip"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// ownNetwork moves this test to a network of its own, for good: its thread ends
// with it.
func ownNetwork(t *testing.T) {
	t.Helper()
	switch _, err := exec.LookPath("ip"); {
	case os.Getuid() != 0:
		t.Skip("only root can make network interfaces")
	case err != nil:
		t.Skip("there is no program ip (of iproute2)")
	}
	if _, err := os.Stat("/dev/net/tun"); err != nil {
		t.Skipf("network interfaces cannot be made here: %v", err)
	}
	runtime.LockOSThread()
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		t.Skipf("networks cannot be made here: %v", err)
	}
}

// ip runs ip(8) in the network of this thread and returns its lines, with the
// blanks at their ends removed.
func ip(t *testing.T, args ...string) []string {
	t.Helper()
	out, err := exec.Command("ip", args...).CombinedOutput()
	if err != nil {
		t.Fatalf("ip %s: %v: %s", strings.Join(args, " "), err, out)
	}
	var lines []string
	for line := range strings.Lines(string(out)) {
		lines = append(lines, strings.TrimSpace(line))
	}
	return lines
}

func TestTUN(t *testing.T) {
	ownNetwork(t)
	device, err := OpenTUN("mesh0", netip.MustParsePrefix("10.77.0.4/30"))
	if err != nil {
		t.Fatal(err)
	}
	if link := ip(t, "-brief", "-4", "addr"); !slices.ContainsFunc(link, func(line string) bool {
		return strings.HasPrefix(line, "mesh0") && strings.Contains(line, "10.77.0.5 peer 10.77.0.6/32")
	}) {
		t.Errorf("interfaces %q", link)
	}
	set := func(want []string, networks ...string) {
		t.Helper()
		var list []netip.Prefix
		for _, n := range networks {
			list = append(list, netip.MustParsePrefix(n))
		}
		if err := device.SetRoutes(list); err != nil {
			t.Error(err)
		}
		if got := ip(t, "route", "show", "proto", "static"); !slices.Equal(got, want) {
			t.Errorf("routes %q, want %q", got, want)
		}
	}
	const one, two = "10.1.0.0/16 dev mesh0 scope link metric 4096", "10.2.3.4 dev mesh0 scope link metric 4096"
	set([]string{one, two}, "10.1.0.0/16", "10.2.3.4/32")
	ip(t, "route", "del", "10.1.0.0/16")
	set([]string{one, two}, "10.1.0.0/16", "10.2.3.4/32")
	ip(t, "route", "del", "10.1.0.0/16")
	set([]string{two}, "10.2.3.4/32")
	set([]string{two}, "10.2.3.4/32", "fd00:1::/64")
	if got := ip(t, "-6", "route", "show", "fd00:1::/64"); len(got) != 1 || !strings.Contains(got[0], "dev mesh0") {
		t.Errorf("IPv6 routes %q", got)
	}
	set(nil)

	if _, err := OpenTUN("mesh0", netip.MustParsePrefix("10.77.0.8/30")); err == nil || !strings.Contains(err.Error(), "mesh0") {
		t.Errorf("a second interface of that name: %v, want an error that names it", err)
	}
	read := make(chan error)
	go func() {
		for {
			if _, err := device.Read(make([]byte, 2000)); err != nil { // the system also sends packets of its own
				read <- err
				return
			}
		}
	}()
	if err := device.Close(); err != nil {
		t.Error(err)
	}
	<-read
	if link := ip(t, "-brief", "link"); slices.ContainsFunc(link, func(line string) bool { return strings.HasPrefix(line, "mesh0") }) {
		t.Errorf("the interface is still there: %q", link)
	}
}
