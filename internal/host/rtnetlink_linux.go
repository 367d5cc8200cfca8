package host

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"

	"golang.org/x/sys/unix"
)

// routeMetric is that of the routes we set: all others for the same network go
// before them, so that no node of the mesh can replace a route of this machine.
const routeMetric = 4096

// routeSocket speaks rtnetlink(7) with the kernel.
type routeSocket struct {
	fd       int
	sequence uint32
}

func openRouteSocket() (*routeSocket, error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_ROUTE)
	if err != nil {
		return nil, err
	}
	if err := unix.Bind(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		unix.Close(fd)
		return nil, err
	}
	return &routeSocket{fd: fd}, nil
}

func (s *routeSocket) close() { unix.Close(s.fd) }

// addRoute has what is for a network sent to an interface. The error is
// unix.EEXIST if it is already.
func (s *routeSocket) addRoute(network netip.Prefix, index int) error {
	return s.request(unix.RTM_NEWROUTE, unix.NLM_F_CREATE|unix.NLM_F_EXCL, routeMessage(network, index))
}

// deleteRoute undoes addRoute. The error is unix.ESRCH if there is no such route.
func (s *routeSocket) deleteRoute(network netip.Prefix, index int) error {
	return s.request(unix.RTM_DELROUTE, 0, routeMessage(network, index))
}

// routeMessage is a struct rtmsg with its attributes.
func routeMessage(network netip.Prefix, index int) []byte {
	family := byte(unix.AF_INET6)
	if network.Addr().Is4() {
		family = unix.AF_INET
	}
	m := []byte{
		family, byte(network.Bits()), 0, 0, // lengths of destination and source, type of service
		unix.RT_TABLE_MAIN, unix.RTPROT_STATIC, unix.RT_SCOPE_LINK, unix.RTN_UNICAST,
		0, 0, 0, 0, // flags
	}
	m = appendAttribute(m, unix.RTA_DST, network.Addr().AsSlice())
	m = appendAttribute(m, unix.RTA_OIF, binary.NativeEndian.AppendUint32(nil, uint32(index)))
	return appendAttribute(m, unix.RTA_PRIORITY, binary.NativeEndian.AppendUint32(nil, routeMetric))
}

// appendAttribute appends a struct rtattr and its value, whose length is a
// multiple of four.
func appendAttribute(m []byte, kind uint16, value []byte) []byte {
	m = binary.NativeEndian.AppendUint16(m, uint16(unix.SizeofRtAttr+len(value)))
	m = binary.NativeEndian.AppendUint16(m, kind)
	return append(m, value...)
}

// request sends a message and returns the error that the kernel answers.
func (s *routeSocket) request(kind, flags uint16, message []byte) error {
	s.sequence++
	m := binary.NativeEndian.AppendUint32(nil, uint32(unix.SizeofNlMsghdr+len(message)))
	m = binary.NativeEndian.AppendUint16(m, kind)
	m = binary.NativeEndian.AppendUint16(m, unix.NLM_F_REQUEST|unix.NLM_F_ACK|flags)
	m = binary.NativeEndian.AppendUint32(m, s.sequence)
	m = binary.NativeEndian.AppendUint32(m, 0) // the kernel fills in who we are
	if err := unix.Sendto(s.fd, append(m, message...), 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return fmt.Errorf("netlink: %w", err)
	}
	return s.acknowledged()
}

func (s *routeSocket) acknowledged() error {
	var buf [4096]byte
	for {
		n, _, err := unix.Recvfrom(s.fd, buf[:], 0)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return fmt.Errorf("netlink: %w", err)
		}
		// A struct nlmsghdr, and a struct nlmsgerr that begins with the error.
		answer := buf[:n]
		if n < unix.SizeofNlMsghdr+4 || binary.NativeEndian.Uint16(answer[4:]) != unix.NLMSG_ERROR {
			return errors.New("netlink: the kernel's answer is no acknowledgement")
		}
		if binary.NativeEndian.Uint32(answer[8:]) != s.sequence {
			continue
		}
		if code := int32(binary.NativeEndian.Uint32(answer[unix.SizeofNlMsghdr:])); code != 0 {
			return unix.Errno(-code)
		}
		return nil
	}
}
