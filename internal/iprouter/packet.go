package iprouter

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
)

// header is what routing takes from an IP packet. Both addresses are of one
// family.
type header struct{ src, dst netip.Addr }

// Lengths of fixed headers, in bytes (RFC 791, section 3.1; RFC 8200, section 3).
const (
	minHeader4 = 20
	header6    = 40
)

var errEmpty = errors.New("an IP packet has more than 0 bytes")

// parse reads the header of a packet that has all the bytes it claims, and no
// others. Checksums, options and what comes behind are the kernel's concern.
func parse(packet []byte) (header, error) {
	if len(packet) == 0 {
		return header{}, errEmpty
	}
	switch version := packet[0] >> 4; version {
	case 4:
		return parse4(packet)
	case 6:
		return parse6(packet)
	default:
		return header{}, fmt.Errorf("IP version %d: want 4 or 6", version)
	}
}

func parse4(packet []byte) (header, error) {
	if len(packet) < minHeader4 {
		return header{}, fmt.Errorf("an IPv4 packet of %d bytes: want %d or more", len(packet), minHeader4)
	}
	length, total := int(packet[0]&0xf)*4, int(binary.BigEndian.Uint16(packet[2:]))
	switch {
	case length < minHeader4 || length > total:
		return header{}, fmt.Errorf("an IPv4 header of %d bytes in a packet of %d", length, total)
	case total != len(packet):
		return header{}, fmt.Errorf("an IPv4 packet that claims %d bytes has %d", total, len(packet))
	}
	return header{
		src: netip.AddrFrom4([4]byte(packet[12:16])),
		dst: netip.AddrFrom4([4]byte(packet[16:20])),
	}, nil
}

func parse6(packet []byte) (header, error) {
	if len(packet) < header6 {
		return header{}, fmt.Errorf("an IPv6 packet of %d bytes: want %d or more", len(packet), header6)
	}
	if total := header6 + int(binary.BigEndian.Uint16(packet[4:])); total != len(packet) {
		return header{}, fmt.Errorf("an IPv6 packet that claims %d bytes has %d", total, len(packet))
	}
	h := header{
		src: netip.AddrFrom16([16]byte(packet[8:24])),
		dst: netip.AddrFrom16([16]byte(packet[24:40])),
	}
	if h.src.Is4In6() || h.dst.Is4In6() {
		return header{}, errors.New("an IPv4 address in an IPv6 packet")
	}
	return h, nil
}

// routable is false for addresses that are no single host's beyond its own link.
func routable(a netip.Addr) bool {
	return !a.IsUnspecified() && !a.IsLoopback() && !a.IsMulticast() && !a.IsLinkLocalUnicast() &&
		a != netip.AddrFrom4([4]byte{255, 255, 255, 255})
}
