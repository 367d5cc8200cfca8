package wire

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
)

// Sizes of a data frame in bytes, PROTOCOL section 2.1.
const (
	HeaderSize     = 36
	MaxPayload     = 16384
	MaxServiceName = 8
)

// Offsets in a data frame, PROTOCOL section 2.1.
const (
	OffsetHops        = 1
	OffsetFlags       = 2 // zero in what deployed nodes send
	OffsetFromNode    = 4
	OffsetToNode      = 12
	OffsetFromService = 20
	OffsetToService   = 28
)

// MaxHops is the number of hops to live that a fresh message starts with.
const MaxHops = 30

// FlagWhole, in the flags of a data frame, says that its sender would rather be
// told that it is too long (ProblemTooLong) than have it carried in pieces, of
// which each may be lost. Only nodes with FeatureWhole get such a frame.
const FlagWhole = 1

// Service is a service name as the wire carries it: at most eight bytes, zero
// padded on the right.
type Service [MaxServiceName]byte

// Reserved services, PROTOCOL section 2.1.
var (
	ServicePing    = Service{'p', 'i', 'n', 'g'}
	ServiceUnreach = Service{'u', 'n', 'r', 'e', 'a', 'c', 'h'}
)

// ParseService checks a service name: one to eight bytes, none of them zero.
func ParseService(name string) (Service, error) {
	var s Service
	switch {
	case name == "":
		return s, errors.New("service name is empty")
	case len(name) > MaxServiceName:
		return s, fmt.Errorf("service name %q has %d bytes, at most %d are possible", name, len(name), MaxServiceName)
	case strings.IndexByte(name, 0) >= 0:
		return s, fmt.Errorf("service name %q contains a zero byte", name)
	}
	copy(s[:], name)
	return s, nil
}

// String returns the name without its padding.
func (s Service) String() string { return string(bytes.TrimRight(s[:], "\x00")) }

// Reserved reports whether the mesh itself answers this service.
func (s Service) Reserved() bool { return s == ServicePing || s == ServiceUnreach }

// Header is the fixed part of a data frame.
type Header struct {
	HopsToLive  byte
	Flags       byte
	FromNode    uint64
	ToNode      uint64
	FromService Service
	ToService   Service
}

// Data is a data frame: its header and the payload, which aliases the frame.
type Data struct {
	Header
	Payload []byte
}

// ErrShortData reports a data frame that ends inside its header.
var ErrShortData = fmt.Errorf("data frame is shorter than its header of %d bytes", HeaderSize)

// ParseData decodes a data frame whose type has been checked. The payload may
// be longer than MaxPayload (deployed nodes do not check) and aliases frame.
func ParseData(frame []byte) (Data, error) {
	if len(frame) < HeaderSize {
		return Data{}, ErrShortData
	}
	return Data{
		Header: Header{
			HopsToLive:  frame[OffsetHops],
			Flags:       frame[OffsetFlags],
			FromNode:    binary.BigEndian.Uint64(frame[OffsetFromNode:]),
			ToNode:      binary.BigEndian.Uint64(frame[OffsetToNode:]),
			FromService: Service(frame[OffsetFromService:OffsetToService]),
			ToService:   Service(frame[OffsetToService:HeaderSize]),
		},
		Payload: frame[HeaderSize:],
	}, nil
}

// AppendData appends the data frame with this header and payload to buf.
func AppendData(buf []byte, h Header, payload []byte) []byte {
	buf = append(buf, byte(TypeData), h.HopsToLive, h.Flags, 0)
	buf = binary.BigEndian.AppendUint64(buf, h.FromNode)
	buf = binary.BigEndian.AppendUint64(buf, h.ToNode)
	buf = append(buf, h.FromService[:]...)
	buf = append(buf, h.ToService[:]...)
	return append(buf, payload...)
}

// SetHops changes the hops to live of a data frame in place: all that a
// forwarder changes, before it hands the frame over.
func SetHops(frame []byte, hops byte) { frame[OffsetHops] = hops }
