package wire

import (
	"bytes"
	"math"
)

// RoutingKey is what tells whether a routing update is news.
type RoutingKey struct {
	NodeID   []byte // aliases the frame
	Epoch    uint64
	Sequence uint64
	Extended bool // it says something that deployed nodes do not know
}

// nodeField is how every update begins that Encode or a deployed node has made.
const nodeField = `{"NodeID":"`

// PeekRouting reads the key of a routing update without decoding the rest: in a
// mesh with loops most updates that arrive are known already. It reports false
// if the frame is not written as Encode and deployed nodes write it, or if it
// raises suspicion of a duplicate; then only ParseRouting can tell.
func PeekRouting(frame []byte) (k RoutingKey, ok bool) {
	p := peeker{rest: frame[1:], ok: true}
	k.NodeID = p.text(nodeField)
	p.text(`,"UpdateID":"`)
	k.Epoch = p.number(`,"UpdateEpoch":`)
	k.Sequence = p.number(`,"UpdateSequence":`)
	rest, unsuspicious := afterSuspect(p.rest)
	k.Extended = bytes.HasPrefix(rest, []byte(","))
	return k, p.ok && bytes.HasPrefix(p.rest, []byte(",")) && unsuspicious
}

// PeekNode reads which node a routing update is about, as PeekRouting does. The
// answer aliases the frame.
func PeekNode(frame []byte) (id []byte, ok bool) {
	p := peeker{rest: frame[1:], ok: true}
	id = p.text(nodeField)
	return id, p.ok
}

// PeekService reads which service an advertisement is about, if it is written as
// Encode and deployed nodes write it. The answers alias the frame.
func PeekService(frame []byte) (node, service []byte, ok bool) {
	p := peeker{rest: frame[1:], ok: true}
	node = p.text(nodeField)
	service = p.text(`,"Service":"`)
	return node, service, p.ok
}

// afterSuspect returns what follows the SuspectedDuplicate of an update, the last field
// that deployed nodes know, if it is zero. Inside a string the quotes would be escaped, so
// this is the field.
func afterSuspect(update []byte) (rest []byte, ok bool) {
	const field = `"SuspectedDuplicate":0`
	_, rest, found := bytes.Cut(update, []byte(field))
	return rest, found && len(rest) > 0 && (rest[0] == ',' || rest[0] == '}')
}

// peeker takes a fixed sequence of JSON pieces off the front of a text.
type peeker struct {
	rest []byte
	ok   bool
}

func (p *peeker) skip(prefix string) {
	var found bool
	p.rest, found = bytes.CutPrefix(p.rest, []byte(prefix))
	p.ok = p.ok && found
}

// text takes prefix and a string up to its closing quote, if it has no escapes.
func (p *peeker) text(prefix string) []byte {
	p.skip(prefix)
	end := bytes.IndexByte(p.rest, '"')
	if !p.ok || end < 0 || bytes.IndexByte(p.rest[:end], '\\') >= 0 {
		p.ok = false
		return nil
	}
	s := p.rest[:end]
	p.rest = p.rest[end+1:]
	return s
}

// number takes prefix and the whole number after it, which JSON begins with no
// zero but for 0 itself.
func (p *peeker) number(prefix string) uint64 {
	p.skip(prefix)
	var n uint64
	digits := 0
	for digits < len(p.rest) && p.rest[digits] >= '0' && p.rest[digits] <= '9' {
		d := uint64(p.rest[digits] - '0')
		if n > (math.MaxUint64-d)/10 {
			p.ok = false
			return 0
		}
		n = n*10 + d
		digits++
	}
	p.ok = p.ok && digits > 0 && (digits == 1 || p.rest[0] != '0')
	p.rest = p.rest[digits:]
	return n
}
