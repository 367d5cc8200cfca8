// Package wire encodes and decodes the frames that mesh nodes exchange
// (PROTOCOL section 2). It is pure: no clock, no I/O, no logging. Every
// decoder takes bytes from strangers and answers a valid value or an error.
package wire

import (
	"encoding/json"
	"errors"
	"fmt"
)

// Type is byte 0 of every frame.
type Type byte

// Frame types, PROTOCOL section 2.
const (
	TypeData    Type = 0
	TypeRouting Type = 1
	TypeService Type = 2
	TypeReject  Type = 3
	TypeSummary Type = 4 // of ours only
)

// String returns the name of a type.
func (t Type) String() string {
	names := [...]string{TypeData: "data", TypeRouting: "routing update", TypeService: "service advertisement", TypeReject: "reject", TypeSummary: "summary"}
	if int(t) < len(names) {
		return names[t]
	}
	return fmt.Sprintf("type %d", byte(t))
}

// ErrEmptyFrame reports a frame of zero length. (Deployed nodes die of one.)
var ErrEmptyFrame = errors.New("frame of zero length")

// TypeOf returns the type of a frame, ErrEmptyFrame, or an error that names
// the unknown type.
func TypeOf(frame []byte) (Type, error) {
	if len(frame) == 0 {
		return 0, ErrEmptyFrame
	}
	t := Type(frame[0])
	if t > TypeSummary {
		return t, fmt.Errorf("unknown frame type %d", frame[0])
	}
	return t, nil
}

// maxReason is how many bytes of the reason of a reject are looked at.
const maxReason = 300

// Reject returns the frame that refuses a link; the sender closes it after. reason is
// for the person who has to change something before the peer can be accepted; ""
// for one that says nothing, as those of deployed nodes, which do not read it either
// (PROTOCOL section 2.3).
func Reject(reason string) []byte {
	if reason == "" {
		return []byte{byte(TypeReject), '[', ']'}
	}
	text, err := json.Marshal([]string{reason})
	if err != nil {
		panic("wire: a string cannot be encoded: " + err.Error())
	}
	return append([]byte{byte(TypeReject)}, text...)
}

// RejectReason returns the reason of a reject, "" if it has none.
func RejectReason(frame []byte) string {
	var reasons []string
	if len(frame) > maxReason || json.Unmarshal(frame[1:], &reasons) != nil || len(reasons) == 0 {
		return ""
	}
	return reasons[0]
}
