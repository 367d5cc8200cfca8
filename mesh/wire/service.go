package wire

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"time"
)

// ConnType says what a service speaks (PROTOCOL section 2.4).
type ConnType byte

// Connection types of services.
const (
	ConnDatagram  ConnType = 0
	ConnStream    ConnType = 1
	ConnStreamTLS ConnType = 2
)

// WorkCommand is a work type that a control service offers.
type WorkCommand struct {
	WorkType string
	Secure   bool
}

// ServiceAdvertisement is what a node floods about one of its services. The
// order of fields is the order on the wire; WorkCommands is never omitted.
type ServiceAdvertisement struct {
	NodeID       string
	Service      string
	Time         time.Time
	ConnType     ConnType
	Tags         map[string]string
	WorkCommands []WorkCommand
	Cancel       bool
	// Age is for how long whoever sends it has had no news of the service, in whole
	// seconds. Only nodes of ours tell, and only when that is unusual.
	Age int `json:",omitempty"`
}

// Encode returns the advertisement as a frame.
func (a *ServiceAdvertisement) Encode() []byte { return encodeJSON(TypeService, a) }

// WithAge returns the frame of an advertisement, which tells no age, with one.
func WithAge(frame []byte, age int) []byte {
	end := bytes.LastIndexByte(frame, '}') // there may be space after it
	aged := append(make([]byte, 0, len(frame)+len(`,"Age":`)+3), frame[:end]...)
	aged = append(aged, `,"Age":`...)
	return append(strconv.AppendInt(aged, int64(age), 10), '}')
}

// ParseAdvertisement decodes a service advertisement whose type has been checked.
func ParseAdvertisement(frame []byte) (*ServiceAdvertisement, error) {
	a := parseCanonicalAdvertisement(frame)
	if a == nil {
		a = new(ServiceAdvertisement)
		if err := json.Unmarshal(frame[1:], a); err != nil {
			return nil, fmt.Errorf("decode service advertisement: %w", err)
		}
	}
	if err := CheckNodeID(a.NodeID); err != nil {
		return nil, fmt.Errorf("service advertisement: NodeID: %w", err)
	}
	if _, err := ParseService(a.Service); err != nil {
		return nil, fmt.Errorf("service advertisement of %q: %w", a.NodeID, err)
	}
	return a, nil
}
