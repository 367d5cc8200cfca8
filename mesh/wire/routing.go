package wire

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
)

// MaxNodeID is the longest node ID that is accepted, in bytes. Node IDs are
// names of directories and appear in every update.
const MaxNodeID = 255

// Bounds of what a routing update says beside its connections: those have names
// of bounded length, and a database bounds their number.
const (
	maxUpdateID    = 64
	maxFeatures    = 32
	maxFeatureName = 32
)

// Features of a node, told in its own updates. Deployed nodes ignore the field,
// and drop it when they pass an update on: an update that arrives with it came
// by a path on which every node knows it.
const (
	// FeatureExchange: the node sends all it knows on every link that comes up,
	// so nobody has to flood anew because a node is new to him.
	FeatureExchange = "exchange"
	// FeatureCancelOnce: the node keeps a tombstone of a withdrawn service and
	// passes each cancel on once, so it may be sent one.
	FeatureCancelOnce = "cancel-once"
	// FeatureWhole: the node knows FlagWhole.
	FeatureWhole = "whole"
	// FeatureSummary: the node sends its peers summaries, and what the peer's say that
	// he lacks, so nobody has to flood what has not changed.
	FeatureSummary = "summary"
)

// RoutingUpdate is what a node floods about itself (PROTOCOL section 2.2). The
// order of fields is the order on the wire.
type RoutingUpdate struct {
	NodeID             string
	UpdateID           string
	UpdateEpoch        uint64
	UpdateSequence     uint64
	Connections        map[string]float64
	ForwardingNode     string
	SuspectedDuplicate uint64
	Features           []string `json:",omitempty"`
}

// Newer reports whether (epoch, sequence) a is newer than b.
func Newer(epochA, sequenceA, epochB, sequenceB uint64) bool {
	return epochA > epochB || epochA == epochB && sequenceA > sequenceB
}

// HasFeature reports whether the update tells of a feature.
func (u *RoutingUpdate) HasFeature(name string) bool {
	for _, f := range u.Features {
		if f == name {
			return true
		}
	}
	return false
}

// Encode returns the update as a frame. Connections are written in the order
// of their node IDs, as deployed nodes do.
func (u *RoutingUpdate) Encode() []byte {
	const fields, connection = 256, 32 // bytes, about
	frame := make([]byte, 1, fields+connection*len(u.Connections))
	frame[0] = byte(TypeRouting)
	return appendRouting(frame, u)
}

// ParseRouting decodes a routing update whose type has been checked, and
// checks that what it names can be names and costs.
func ParseRouting(frame []byte) (*RoutingUpdate, error) {
	u := parseCanonical(frame)
	if u == nil {
		u = new(RoutingUpdate)
		if err := json.Unmarshal(frame[1:], u); err != nil {
			return nil, fmt.Errorf("decode routing update: %w", err)
		}
	}
	if err := CheckNodeID(u.NodeID); err != nil {
		return nil, fmt.Errorf("routing update: NodeID: %w", err)
	}
	if err := CheckNodeID(u.ForwardingNode); err != nil {
		return nil, fmt.Errorf("routing update: ForwardingNode: %w", err)
	}
	if err := u.checkSizes(); err != nil {
		return nil, fmt.Errorf("routing update of %q: %w", u.NodeID, err)
	}
	for peer, cost := range u.Connections {
		if err := CheckNodeID(peer); err != nil {
			return nil, fmt.Errorf("routing update of %q: connection: %w", u.NodeID, err)
		}
		if err := CheckCost(cost); err != nil {
			return nil, fmt.Errorf("routing update of %q: connection to %q: %w", u.NodeID, peer, err)
		}
	}
	return u, nil
}

func (u *RoutingUpdate) checkSizes() error {
	if len(u.UpdateID) > maxUpdateID {
		return fmt.Errorf("UpdateID of %d bytes, at most %d are possible", len(u.UpdateID), maxUpdateID)
	}
	if len(u.Features) > maxFeatures {
		return fmt.Errorf("%d Features, at most %d are possible", len(u.Features), maxFeatures)
	}
	for _, f := range u.Features {
		if len(f) > maxFeatureName {
			return fmt.Errorf("feature name of %d bytes, at most %d are possible", len(f), maxFeatureName)
		}
	}
	return nil
}

// CheckNodeID reports why id cannot be a node ID, or nil.
func CheckNodeID(id string) error {
	switch {
	case id == "":
		return errors.New("node ID is empty")
	case len(id) > MaxNodeID:
		return fmt.Errorf("node ID of %d bytes, at most %d are possible", len(id), MaxNodeID)
	}
	return nil
}

// CheckCost reports why a connection cannot have this cost, or nil: least-cost
// paths need costs that are positive and finite.
func CheckCost(cost float64) error {
	if !(cost > 0) || math.IsInf(cost, 1) {
		return fmt.Errorf("cost %v is not a positive number", cost)
	}
	return nil
}

// encodeJSON returns a frame of the given type with v as JSON, exactly as
// encoding/json writes it. It panics on a value that has no JSON: a bug of ours.
func encodeJSON(t Type, v any) []byte {
	body, err := json.Marshal(v)
	if err != nil {
		panic("wire: " + err.Error())
	}
	frame := make([]byte, 1, 1+len(body))
	frame[0] = byte(t)
	return append(frame, body...)
}
