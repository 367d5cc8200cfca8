package sim

import (
	"receptor/mesh/linkstate"
	"receptor/transport"
)

// parcel is what is on its way over a link. While an update floods a mesh, most
// of the memory goes into parcels: N updates are each on their way over most of
// L links, and every copy names another node that passes it on. So a frame that
// passes on an update that is held anyway is kept as that update.
//
//	segmentKind        what a TCP-like link tells besides frames
//	*linkstate.Update  the frame by which the sender passes it on
//	looseFrame         any other frame
type parcel any

type looseFrame []byte

// packer makes parcels of frames, and frames of parcels.
type packer struct {
	pool *linkstate.Pool // of all nodes; nil: there are none

	// One frame is often sent on several links in a row.
	last   []byte
	packed parcel

	buffer []byte
}

// pack returns a frame that a node sends as a parcel.
func (p *packer) pack(frame []byte, sender string) parcel {
	if len(p.last) == len(frame) && &p.last[0] == &frame[0] {
		return p.packed
	}
	p.last, p.packed = frame, looseFrame(frame)
	if p.pool == nil || transport.IsData(frame) {
		return p.packed
	}
	if u, by := p.pool.Recall(frame); u != nil && string(by) == sender {
		p.packed = u
	}
	return p.packed
}

// unpack returns the frame in a parcel, nil if it has none. It is good until
// the next call, and not to be changed unless it is a data frame.
func (p *packer) unpack(what parcel, sender string) []byte {
	switch what := what.(type) {
	case *linkstate.Update:
		p.buffer = what.AppendFrame(p.buffer[:0], sender)
		return p.buffer
	case looseFrame:
		return what
	}
	return nil
}
