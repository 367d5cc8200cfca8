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

// flows are the data frames that wait for a link. They leave by deficit round
// robin (Shreedhar and Varghese, 1995), so flows share the link equally, and one
// that sends little need not wait behind those that send much. None may take up
// more than what is free for the others (Choudhury and Hahne, 1998): one alone has
// half of the room, and among many there is always some for one more.
type flows struct {
	all   map[addresses]*flow
	first *flow // whose turn it is; the flows are a ring in the order of their turns
	last  *flow
	bytes int
	spare []*flow
}

func (f *flows) empty() bool { return f.first == nil }

// push adds a frame, or reports that there is no room for it.
func (f *flows) push(frame []byte) bool {
	var between addresses
	if len(frame) >= addressesEnd {
		between = addresses(frame[addressesAt:addressesEnd])
	}
	of := f.all[between]
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

// add makes a flow, whose turn is after those of all others.
func (f *flows) add(between addresses) *flow {
	if f.all == nil {
		f.all = make(map[addresses]*flow)
	}
	of := new(flow)
	if n := len(f.spare); n > 0 {
		of, f.spare = f.spare[n-1], f.spare[:n-1]
	}
	of.between, of.credit = between, turn
	f.all[between] = of
	if f.last == nil {
		f.first, f.last = of, of
	} else {
		f.last.next, f.last = of, of
	}
	return of
}

// pop takes the next frame; there must be one.
func (f *flows) pop() []byte {
	for f.first.credit < len(f.first.peek()) {
		f.first.credit += turn
		if of := f.first; of != f.last {
			f.first, of.next = of.next, nil
			f.last.next, f.last = of, of
		}
	}
	of := f.first
	frame := of.pop()
	of.credit -= len(frame)
	f.bytes -= len(frame)
	if of.empty() {
		f.removeFirst()
	}
	return frame
}

func (f *flows) removeFirst() {
	of := f.first
	delete(f.all, of.between)
	if f.first, of.next = of.next, nil; f.first == nil {
		f.last = nil
	}
	if len(f.spare) < maxSpare {
		f.spare = append(f.spare, of)
	}
}
