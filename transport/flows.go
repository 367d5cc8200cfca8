package transport

// The offsets in a data frame between which its addresses are, PROTOCOL section
// 2.1: the nodes and services that it is from and for.
const (
	addressesAt  = 4
	addressesEnd = 36
)

// turn is how many bytes a flow sends at least before it is the next one's turn:
// the longest datagram of the mesh.
const turn = 16384 + addressesEnd

// maxFlows bounds the flows that are told apart: whoever can send a datagram can begin
// one, by naming another service, and each takes far more memory than that datagram.
// Those that begin beyond it are one flow, the crowd, as long as any of them waits.
const maxFlows = 4096

// maxSpare bounds the empty flows that are kept for new ones.
const maxSpare = 16

type addresses [addressesEnd - addressesAt]byte

// flow is the frames between two services that wait for a link, in order.
type flow struct {
	fifo
	between addresses
	credit  int // bytes that it may send before its turn ends
	next    *flow
}

// ring is flows in the order of their turns.
type ring struct{ first, last *flow }

func (r *ring) add(of *flow) {
	if r.last == nil {
		r.first = of
	} else {
		r.last.next = of
	}
	r.last = of
}

func (r *ring) take() *flow {
	of := r.first
	if r.first, of.next = of.next, nil; r.first == nil {
		r.last = nil
	}
	return of
}

// flows are the data frames that wait for a link. They leave by deficit round
// robin (Shreedhar and Varghese, 1995), so flows share the link equally, and one
// that sends little need not wait behind those that send much. None may take up
// more than what is free for the others (Choudhury and Hahne, 1998): one alone has
// half of the room, and among many there is always some for one more.
//
// A flow that begins need not wait for its turn among all others (RFC 8290, section
// 4.2), but for one of them: else a stream that is made on a busy link has to wait for
// all others in each round trip of its handshake. It has begun when it had nothing to
// send for a whole round. As turns of the two kinds alternate, flows that begin without
// end leave half of the link to the others.
type flows struct {
	all   map[addresses]*flow // but for the crowd
	crowd *flow
	fresh ring // those that begin, for one turn
	rest  ring // those that have had one; some have nothing to send
	later bool // the turn is one of rest
	bytes int
	spare []*flow
}

func (f *flows) empty() bool { return f.bytes == 0 }

// push adds a frame, which is not empty, or reports that there is no room for it.
func (f *flows) push(frame []byte) bool {
	var between addresses
	if len(frame) >= addressesEnd {
		between = addresses(frame[addressesAt:addressesEnd])
	}
	of := f.all[between]
	if of == nil {
		of = f.crowd
	}
	used := len(frame)
	if of != nil {
		used += of.bytes
	}
	if used > MaxQueuedData-f.bytes {
		return false
	}
	if of == nil {
		of = f.add(between)
	}
	of.push(frame)
	f.bytes += len(frame)
	return true
}

// add makes a flow.
func (f *flows) add(between addresses) *flow {
	if f.all == nil {
		f.all = make(map[addresses]*flow)
	}
	var of *flow
	if n := len(f.spare); n > 0 {
		of, f.spare = f.spare[n-1], f.spare[:n-1]
	} else {
		of = new(flow)
	}
	of.between, of.credit = between, turn
	if len(f.all) < maxFlows {
		f.all[between] = of
	} else {
		f.crowd = of
	}
	f.fresh.add(of)
	return of
}

// pop takes the next frame; there must be one.
func (f *flows) pop() []byte {
	r := f.next()
	of := r.first
	frame := of.pop()
	of.credit -= len(frame)
	f.bytes -= len(frame)
	switch {
	case f.bytes == 0:
		for _, r := range []*ring{&f.fresh, &f.rest} {
			for r.first != nil {
				f.forget(r.take())
			}
		}
	case of.empty():
		f.endTurn(r)
	}
	return frame
}

// next returns the ring whose first flow is to send.
func (f *flows) next() *ring {
	for {
		r := &f.fresh
		if r.first == nil || f.later && f.rest.first != nil {
			r = &f.rest
		}
		switch of := r.first; {
		case of.empty():
			f.forget(r.take())
		case of.credit < len(of.peek()):
			of.credit += turn
			f.endTurn(r)
		default:
			return r
		}
	}
}

// endTurn puts the first flow of a ring behind the others.
func (f *flows) endTurn(r *ring) {
	f.rest.add(r.take())
	f.later = r == &f.fresh
}

// forget is for a flow that had nothing to send for a round.
func (f *flows) forget(of *flow) {
	if of == f.crowd {
		f.crowd = nil
	} else {
		delete(f.all, of.between)
	}
	if len(f.spare) < maxSpare {
		f.spare = append(f.spare, of)
	}
}
