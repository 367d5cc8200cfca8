package host

import (
	"errors"
	"fmt"
	"net/netip"
	"os"

	"golang.org/x/sys/unix"

	"receptor/internal/iprouter"
)

// tun is a TUN interface of this machine. It is gone, with its address and its
// routes, once it is closed.
type tun struct {
	*os.File
	name   string
	index  int
	routes map[netip.Prefix]bool // that it has set
}

// OpenTUN makes a TUN interface, whose name the system chooses if it is "", and
// brings it up. Its address is the first of local, a network of four addresses,
// and that at its other end the second. It needs the right to administrate the
// network (CAP_NET_ADMIN).
func OpenTUN(name string, local netip.Prefix) (iprouter.Device, error) {
	t, err := openTUN(name)
	if err != nil {
		return nil, err
	}
	if err := t.configure(local); err != nil {
		t.Close()
		return nil, fmt.Errorf("set up the network interface %s: %w", t.name, err)
	}
	return t, nil
}

func openTUN(name string) (*tun, error) {
	const device = "/dev/net/tun"
	fail := func(err error) (*tun, error) {
		if errors.Is(err, unix.EPERM) {
			err = fmt.Errorf("%w (it takes CAP_NET_ADMIN)", err)
		}
		return nil, fmt.Errorf("make the network interface %q by %s: %w", name, device, err)
	}
	request, err := unix.NewIfreq(name)
	if err != nil {
		return fail(err)
	}
	fd, err := unix.Open(device, unix.O_RDWR|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	if err != nil {
		return fail(err)
	}
	request.SetUint16(unix.IFF_TUN | unix.IFF_NO_PI)
	if err := unix.IoctlIfreq(fd, unix.TUNSETIFF, request); err != nil {
		unix.Close(fd)
		return fail(err)
	}
	// Only now: before it has an interface, the file cannot be waited for.
	return &tun{File: os.NewFile(uintptr(fd), device), name: request.Name(), routes: make(map[netip.Prefix]bool)}, nil
}

// configure gives the interface its addresses and brings it up.
func (t *tun) configure(local netip.Prefix) error {
	socket, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(socket)
	request, err := unix.NewIfreq(t.name)
	if err != nil {
		return err
	}
	if err := unix.IoctlIfreq(socket, unix.SIOCGIFINDEX, request); err != nil {
		return fmt.Errorf("its index: %w", err)
	}
	t.index = int(request.Uint32())
	here := local.Addr().Next()
	for _, set := range []struct {
		what string
		call uint
		addr netip.Addr
	}{
		{"address", unix.SIOCSIFADDR, here},
		{"address of the other end", unix.SIOCSIFDSTADDR, here.Next()},
	} {
		if err := request.SetInet4Addr(set.addr.AsSlice()); err != nil {
			return err
		}
		if err := unix.IoctlIfreq(socket, set.call, request); err != nil {
			return fmt.Errorf("%s %v: %w", set.what, set.addr, err)
		}
	}
	if err := unix.IoctlIfreq(socket, unix.SIOCGIFFLAGS, request); err != nil {
		return fmt.Errorf("its flags: %w", err)
	}
	request.SetUint16(request.Uint16() | unix.IFF_UP)
	if err := unix.IoctlIfreq(socket, unix.SIOCSIFFLAGS, request); err != nil {
		return fmt.Errorf("bring it up: %w", err)
	}
	return nil
}

// SetRoutes implements iprouter.Device. All networks are set, whether they have
// been before or not: somebody may have removed them.
func (t *tun) SetRoutes(networks []netip.Prefix) error {
	socket, err := openRouteSocket()
	if err != nil {
		return fmt.Errorf("set routes: %w", err)
	}
	defer socket.close()
	gone := t.routes
	t.routes = make(map[netip.Prefix]bool, len(networks))
	var problems []error
	for _, p := range networks {
		delete(gone, p)
		switch err := socket.addRoute(p, t.index); {
		case err == nil || errors.Is(err, unix.EEXIST):
			t.routes[p] = true
		default:
			problems = append(problems, fmt.Errorf("route for %v to %s: %w", p, t.name, err))
		}
	}
	for p := range gone {
		if err := socket.deleteRoute(p, t.index); err != nil && !errors.Is(err, unix.ESRCH) {
			problems = append(problems, fmt.Errorf("remove the route for %v to %s: %w", p, t.name, err))
			t.routes[p] = true // it is tried again the next time
		}
	}
	return errors.Join(problems...)
}
