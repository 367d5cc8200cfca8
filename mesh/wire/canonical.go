package wire

import (
	"maps"
	"math"
	"slices"
	"strconv"
)

// Routing updates and advertisements are most of what a mesh says, and all of it is
// JSON that Encode and deployed nodes write in one way. That way is read, and that
// of updates also written, here without reflection. Whatever else JSON allows is left
// to encoding/json.

// maxExact bounds the whole numbers that are written as they are, and the length
// of costs that are read here: a float64 has each of them exactly.
const maxExact = 1e15

// appendRouting appends an update as encoding/json writes it.
func appendRouting(b []byte, u *RoutingUpdate) []byte {
	b = appendJSONString(append(b, `{"NodeID":`...), u.NodeID)
	b = appendJSONString(append(b, `,"UpdateID":`...), u.UpdateID)
	b = strconv.AppendUint(append(b, `,"UpdateEpoch":`...), u.UpdateEpoch, 10)
	b = strconv.AppendUint(append(b, `,"UpdateSequence":`...), u.UpdateSequence, 10)
	b = appendConnections(append(b, `,"Connections":`...), u.Connections)
	b = appendJSONString(append(b, `,"ForwardingNode":`...), u.ForwardingNode)
	b = strconv.AppendUint(append(b, `,"SuspectedDuplicate":`...), u.SuspectedDuplicate, 10)
	for i, f := range u.Features {
		if i == 0 {
			b = append(b, `,"Features":[`...)
		} else {
			b = append(b, ',')
		}
		b = appendJSONString(b, f)
	}
	if len(u.Features) > 0 {
		b = append(b, ']')
	}
	return append(b, '}')
}

func appendConnections(b []byte, connections map[string]float64) []byte {
	if connections == nil {
		return append(b, "null"...)
	}
	peers := slices.AppendSeq(make([]string, 0, len(connections)), maps.Keys(connections))
	slices.Sort(peers)
	b = append(b, '{')
	for i, peer := range peers {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(appendJSONString(b, peer), ':')
		if cost := connections[peer]; cost == math.Trunc(cost) && cost > 0 && cost < maxExact {
			b = strconv.AppendInt(b, int64(cost), 10)
		} else {
			b = append(b, encodeJSON(0, cost)[1:]...)
		}
	}
	return append(b, '}')
}

// parseCanonical decodes an update with the fields that appendRouting writes, in
// that order and without spaces, with costs that are whole numbers, and no
// characters that JSON escapes. It returns nil for any other.
func parseCanonical(frame []byte) *RoutingUpdate {
	p := peeker{rest: frame[1:], ok: true}
	u := &RoutingUpdate{NodeID: p.plain(nodeField)}
	u.UpdateID = p.plain(`,"UpdateID":"`)
	u.UpdateEpoch = p.number(`,"UpdateEpoch":`)
	u.UpdateSequence = p.number(`,"UpdateSequence":`)
	u.Connections = p.connections(`,"Connections":{`)
	u.ForwardingNode = p.plain(`,"ForwardingNode":"`)
	u.SuspectedDuplicate = p.number(`,"SuspectedDuplicate":`)
	u.Features = p.features(`,"Features":[`)
	p.skip(`}`)
	if !p.ok || len(p.rest) > 0 {
		return nil
	}
	return u
}

// parseCanonicalAdvertisement is as parseCanonical, for advertisements without an age.
func parseCanonicalAdvertisement(frame []byte) *ServiceAdvertisement {
	p := peeker{rest: frame[1:], ok: true}
	a := &ServiceAdvertisement{NodeID: p.plain(nodeField), Service: p.plain(`,"Service":"`)}
	at := p.text(`,"Time":"`)
	p.ok = p.ok && a.Time.UnmarshalText(at) == nil
	kind := p.number(`,"ConnType":`)
	p.ok = p.ok && kind <= math.MaxUint8
	a.ConnType = ConnType(kind)
	a.Tags = p.tags(`,"Tags":`)
	a.WorkCommands = p.workCommands(`,"WorkCommands":`)
	a.Cancel = p.flag(`,"Cancel":`)
	p.skip(`}`)
	if !p.ok || len(p.rest) > 0 {
		return nil
	}
	return a
}

func (p *peeker) tags(prefix string) map[string]string {
	p.skip(prefix)
	if p.found(`null`) {
		return nil
	}
	p.skip(`{`)
	all := make(map[string]string)
	for before := `"`; p.ok && !p.found(`}`); before = `,"` {
		key := p.plain(before)
		all[key] = p.plain(`:"`)
	}
	return all
}

func (p *peeker) workCommands(prefix string) []WorkCommand {
	p.skip(prefix)
	if p.found(`null`) {
		return nil
	}
	p.skip(`[`)
	all := []WorkCommand{}
	for before := `{"WorkType":"`; p.ok && !p.found(`]`); before = `,{"WorkType":"` {
		all = append(all, WorkCommand{p.plain(before), p.flag(`,"Secure":`)})
		p.skip(`}`)
	}
	return all
}

func (p *peeker) flag(prefix string) bool {
	p.skip(prefix)
	if p.found(`true`) {
		return true
	}
	p.skip(`false`)
	return false
}

// plain takes prefix and a string that JSON has as it is.
func (p *peeker) plain(prefix string) string {
	s := p.text(prefix)
	p.ok = p.ok && isPlain(s)
	return string(s)
}

func (p *peeker) connections(prefix string) map[string]float64 {
	p.skip(prefix)
	all := make(map[string]float64)
	for before := `"`; p.ok && !p.found(`}`); before = `,"` {
		peer := p.plain(before)
		cost := p.number(`:`)
		p.ok = p.ok && cost < maxExact
		all[peer] = float64(cost)
	}
	return all
}

func (p *peeker) features(prefix string) []string {
	if !p.found(prefix) {
		return nil
	}
	all := []string{}
	for before := `"`; p.ok && !p.found(`]`); before = `,"` {
		all = append(all, p.plain(before))
	}
	return all
}

// found takes text off the front, if it is there.
func (p *peeker) found(text string) bool {
	q := *p
	if q.skip(text); q.ok {
		*p = q
	}
	return q.ok
}
