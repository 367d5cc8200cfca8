package transport

import (
	"bytes"
	"encoding/binary"
	"testing"
)

// between is a data frame of some length in the flow of that number.
func between(flow byte, length int) []byte {
	frame := make([]byte, length)
	frame[addressesEnd-1] = flow
	return frame
}

// Flows that always have something to send have equal shares of what leaves, in
// bytes, however long their frames are.
func TestFlowsShareEqually(t *testing.T) {
	lengths := []int{60000, 16420, 1316, addressesEnd}
	var f flows
	sent := make([]int, len(lengths))
	total := 0
	push := func(flow byte) { f.push(between(flow, lengths[flow])) }
	for flow := range lengths {
		for range 2 * turn / addressesEnd {
			push(byte(flow))
		}
	}
	for range 100_000 {
		frame := f.pop()
		push(frame[addressesEnd-1])
		sent[frame[addressesEnd-1]] += len(frame)
		total += len(frame)
	}
	for flow, bytes := range sent {
		if share := float64(bytes*len(lengths)) / float64(total); share < 0.95 || share > 1.05 {
			t.Errorf("flow %d with frames of %d bytes has %.2f of an equal share", flow, lengths[flow], share)
		}
	}
}

// busy returns flows of which so many have more to send than is possible, and have had
// a turn.
func busy(n int) *flows {
	f := new(flows)
	for range 2 {
		for flow := range byte(n) {
			f.push(between(flow, turn))
		}
	}
	for range 3 * n {
		f.push(between(f.pop()[addressesEnd-1], turn))
	}
	return f
}

// A flow that begins to send waits for one turn of one other at most; its next frames,
// too, if it had nothing to send for a while. One that goes on waits for all others.
func TestFlowsThatBegin(t *testing.T) {
	const others = 50
	f := busy(others)
	waits := func() (n int) {
		if !f.push(between(99, 100)) {
			t.Fatal("there was no room for one more flow")
		}
		for ; ; n++ {
			flow := f.pop()[addressesEnd-1]
			if flow == 99 {
				return n
			}
			f.push(between(flow, turn))
		}
	}
	if n := waits(); n > 1 {
		t.Errorf("the first frame left after %d of others, want one at most", n)
	}
	if n := waits(); n < others-1 {
		t.Errorf("the next one left after %d of others, want it to wait for all", n)
	}
	for range others + 1 {
		f.push(between(f.pop()[addressesEnd-1], turn))
	}
	if n := waits(); n > 1 {
		t.Errorf("after a pause, the next one left after %d of others, want one at most", n)
	}
}

// Flows that begin without end leave half of the link to those that go on.
func TestFlowsThatBeginLeaveTheOthersHalf(t *testing.T) {
	f := busy(3)
	others := 0
	const frames = 1000
	for i := range frames {
		begins := between(200, 100)
		begins[addressesAt], begins[addressesAt+1] = byte(i), byte(i>>8)
		f.push(begins)
		if flow := f.pop()[addressesEnd-1]; flow < 3 {
			others++
			f.push(between(flow, turn))
		}
	}
	if others < frames/2-1 {
		t.Errorf("flows that go on sent %d of %d frames", others, frames)
	}
	if n := len(f.all); n > frames {
		t.Errorf("there are %d flows", n)
	}
}

// What of a flow leaves is in order, and all leaves.
func TestFlowsInOrder(t *testing.T) {
	var f flows
	var want, got [5][]byte
	for i := range 1000 {
		flow := byte(i*i) % 5
		frame := between(flow, addressesEnd+i)
		frame[1] = byte(i)
		if !f.push(frame) {
			t.Fatalf("no room for frame %d", i)
		}
		want[flow] = append(want[flow], frame[1])
		if i%3 == 0 {
			frame := f.pop()
			got[frame[addressesEnd-1]] = append(got[frame[addressesEnd-1]], frame[1])
		}
	}
	for !f.empty() {
		frame := f.pop()
		got[frame[addressesEnd-1]] = append(got[frame[addressesEnd-1]], frame[1])
	}
	for flow := range want {
		if !bytes.Equal(got[flow], want[flow]) {
			t.Errorf("flow %d sent %d frames, or in another order, want %d", flow, len(got[flow]), len(want[flow]))
		}
	}
	if f.bytes != 0 || len(f.all) != 0 || f.fresh != (ring{}) || f.rest != (ring{}) {
		t.Errorf("empty, there are %d bytes in %d flows", f.bytes, len(f.all))
	}
}

// Each flow may take up half of what is free, so there is room for one more.
func TestFlowsLeaveRoom(t *testing.T) {
	var f flows
	for flow := range byte(10) {
		n := 0
		for ; f.push(between(flow, 1000)); n++ {
		}
		if n == 0 {
			t.Fatalf("flow %d has no room", flow)
		}
		if f.bytes > MaxQueuedData {
			t.Fatalf("%d bytes are queued", f.bytes)
		}
	}
}

// Flows beyond those that are told apart share one, in which each is in order, until
// none of them waits any more.
func TestFlowsBeyondTheBound(t *testing.T) {
	var f flows
	var sent, got [2 * maxFlows]byte // the last frame of each
	push := func(flow int) {
		frame := make([]byte, addressesEnd)
		binary.BigEndian.PutUint16(frame[addressesAt:], uint16(flow))
		sent[flow]++
		frame[1] = sent[flow]
		if !f.push(frame) {
			t.Fatalf("no room for frame %d of flow %d", sent[flow], flow)
		}
	}
	pop := func() {
		frame := f.pop()
		flow := binary.BigEndian.Uint16(frame[addressesAt:])
		if got[flow]++; frame[1] != got[flow] {
			t.Fatalf("of flow %d comes frame %d, want %d", flow, frame[1], got[flow])
		}
	}
	for round := range 6 {
		for flow := range sent {
			push(flow)
		}
		if len(f.all) > maxFlows || f.crowd == nil {
			t.Fatalf("%d flows are told apart, want %d and the others in one", len(f.all), maxFlows)
		}
		for range len(sent) * round / 4 { // some end, and others begin
			pop()
		}
	}
	for !f.empty() {
		pop()
	}
	if sent != got || len(f.all) != 0 || f.crowd != nil {
		t.Errorf("when all have left, %d flows are there, the crowd is %v", len(f.all), f.crowd)
	}
}
