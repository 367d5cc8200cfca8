package wire

import (
	"encoding/json"
	"fmt"
)

// Problems that an unreach message reports (PROTOCOL section 2.1).
const (
	ProblemServiceUnknown = "service unknown"
	ProblemExpired        = "message expired"
	ProblemFirewall       = "blocked by firewall"
	// ProblemTooLong is reported for frames with FlagWhole alone, so never to
	// deployed nodes.
	ProblemTooLong = "message too long"
)

// Unreach is the payload of a message to service "unreach": the addresses of
// the message that failed, and why.
type Unreach struct {
	FromNode    string
	ToNode      string
	FromService string
	ToService   string
	Problem     string
}

// Encode returns the payload.
func (u *Unreach) Encode() []byte { return encodeJSON(0, u)[1:] }

// ParseUnreach decodes the payload of an unreach message.
func ParseUnreach(payload []byte) (*Unreach, error) {
	u := new(Unreach)
	if err := json.Unmarshal(payload, u); err != nil {
		return nil, fmt.Errorf("decode unreach message: %w", err)
	}
	return u, nil
}
