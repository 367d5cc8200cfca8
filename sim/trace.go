package sim

import (
	"bufio"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"hash"
	"io"
	"time"

	"github.com/minio/highwayhash"

	"receptor/mesh"
	"receptor/mesh/wire"
)

// eventKind is what an event of the trace is.
type eventKind byte

// Kinds of events. Their numbers are part of the trace hash.
const (
	eventTimer    eventKind = 1  // a timer of the node fires
	eventFrame    eventKind = 2  // a frame from the peer reaches the node
	eventLost     eventKind = 3  // a frame from the peer to the node is lost
	eventDial     eventKind = 4  // the node dials the peer
	eventAccept   eventKind = 5  // the peer's dial reaches the node
	eventDialed   eventKind = 6  // the node's dial has made a link
	eventClosed   eventKind = 7  // the node's link to the peer has ended
	eventWireDown eventKind = 8  // the wire between the two carries nothing
	eventWireUp   eventKind = 9  // and carries frames again
	eventPing     eventKind = 10 // the workload pings the peer from the node
	eventDatagram eventKind = 11 // the workload sends the peer a datagram

	eventRefused    eventKind = 12 // the peer's dial finds the node down
	eventAction     eventKind = 13 // something of the timeline happens
	eventActionEnds eventKind = 14 // and is over
)

var eventNames = [...]string{
	eventTimer: "timer", eventFrame: "frame", eventLost: "lost", eventDial: "dial", eventAccept: "accept",
	eventDialed: "dialed", eventClosed: "closed", eventWireDown: "wire down", eventWireUp: "wire up",
	eventPing: "ping", eventDatagram: "datagram",
	eventRefused: "refused", eventAction: "action", eventActionEnds: "action ends",
}

// nobody stands for the peer of an event that has none.
const nobody = -1

// hashChunk is how much is gathered before it is hashed.
const hashChunk = 8 << 10

// trace is the record of a run: a hash over all events, their number, and the
// events themselves as lines of JSON if somebody wants them.
type trace struct {
	ids    []string
	events uint64
	sum    hash.Hash
	buf    []byte
	out    *bufio.Writer // nil: nobody reads it
	err    error         // the first of out

	recent *recent // nil: nobody asks
}

func newTrace(ids []string, out io.Writer) *trace {
	sum, err := highwayhash.New128(make([]byte, highwayhash.Size))
	if err != nil {
		panic("sim: " + err.Error()) // the key has the wrong length
	}
	t := &trace{ids: ids, sum: sum, buf: make([]byte, 0, 2*hashChunk)}
	if out != nil {
		t.out = bufio.NewWriter(out)
	}
	return t
}

// record takes in an event; frame may be nil, and is not kept.
func (t *trace) record(now time.Duration, kind eventKind, node, peer int32, frame []byte) {
	t.events++
	b := binary.LittleEndian.AppendUint64(t.buf, uint64(now))
	b = append(b, byte(kind))
	b = binary.LittleEndian.AppendUint32(b, uint32(node))
	b = binary.LittleEndian.AppendUint32(b, uint32(peer))
	b = binary.LittleEndian.AppendUint32(b, uint32(len(frame)))
	b = append(b, frame...)
	if len(b) >= hashChunk {
		t.sum.Write(b)
		b = b[:0]
	}
	t.buf = b
	if t.recent != nil {
		t.recent.record(now, kind, node, peer, frame)
	}
	if t.out != nil && kind != eventAction && kind != eventActionEnds {
		t.print(now, kind, node, peer, frame)
	}
}

// recordAction takes in an event of the timeline.
func (t *trace) recordAction(now time.Duration, kind eventKind, node int32, text string) {
	t.record(now, kind, node, nobody, []byte(text))
	if t.out != nil {
		t.write(line{T: seconds(now), Event: eventNames[kind], Node: t.ids[node], Text: text})
	}
}

// hash returns the hash over all events so far, in hex.
func (t *trace) hash() string {
	t.sum.Write(t.buf)
	t.buf = t.buf[:0]
	return hex.EncodeToString(t.sum.Sum(nil))
}

// line is one line of a trace file.
type line struct {
	T     json.Number     `json:"t"`
	Event string          `json:"event"`
	Node  string          `json:"node,omitempty"`
	Peer  string          `json:"peer,omitempty"`
	Bytes int             `json:"bytes,omitempty"`
	Frame json.RawMessage `json:"frame,omitempty"`
	Text  string          `json:"text,omitempty"`
}

func seconds(now time.Duration) json.Number { return json.Number(fmt.Sprintf("%.9f", now.Seconds())) }

func (t *trace) print(now time.Duration, kind eventKind, node, peer int32, frame []byte) {
	l := line{T: seconds(now), Event: eventNames[kind], Node: t.ids[node], Bytes: len(frame)}
	if peer != nobody {
		l.Peer = t.ids[peer]
	}
	l.Frame, l.Text = readable(frame)
	t.write(l)
}

// say adds an event of the node itself to the trace file. It is not part of
// the hash: it follows from what is.
func (t *trace) say(now time.Duration, node int32, e mesh.Event) {
	if t.recent != nil {
		t.recent.say(now, node, e)
	}
	if t.out != nil {
		t.write(line{T: seconds(now), Event: fmt.Sprintf("%T", e), Node: t.ids[node], Text: fmt.Sprintf("%+v", e)})
	}
}

func (t *trace) write(l line) {
	if t.err != nil {
		return
	}
	b, err := json.Marshal(l)
	if err != nil {
		panic("sim: " + err.Error()) // a line always has JSON
	}
	_, t.err = t.out.Write(append(b, '\n'))
}

// close writes out what is left, and returns the first error of writing.
func (t *trace) close() error {
	if t.out == nil || t.err != nil {
		return t.err
	}
	return t.out.Flush()
}

// readable shows a frame: the JSON that it carries, or the header of a datagram.
func readable(frame []byte) (json.RawMessage, string) {
	kind, err := wire.TypeOf(frame)
	switch {
	case err != nil:
		return nil, ""
	case kind == wire.TypeData:
		d, err := wire.ParseData(frame)
		if err != nil {
			return nil, err.Error()
		}
		return nil, fmt.Sprintf("%016x:%s to %016x:%s, %d hops to live, payload of %d bytes",
			d.FromNode, d.FromService, d.ToNode, d.ToService, d.HopsToLive, len(d.Payload))
	case json.Valid(frame[1:]):
		return frame[1:], ""
	}
	return nil, "not JSON"
}
