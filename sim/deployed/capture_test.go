package deployed

import (
	"bufio"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"testing"
	"time"

	"receptor/mesh"
	"receptor/mesh/wire"
	"receptor/transport"
	"receptor/transport/transporttest"
)

// captured is a frame of a real mesh a - b - c of deployed nodes, on the link
// between a and b. Near the end a node "evil" that a does not allow dials it too.
type captured struct {
	T   float64
	Dir string
	Hex string
}

func (c captured) at() time.Duration { return time.Duration(c.T * float64(time.Second)) }
func (c captured) fromA() bool       { return c.Dir == "listener->dialer" }

func (c captured) frame(t *testing.T) []byte {
	frame, err := hex.DecodeString(c.Hex)
	if err != nil {
		t.Fatal(err)
	}
	return frame
}

func readCapture(t *testing.T) (all []captured) {
	f, err := os.Open("../../mesh/wire/testdata/capture.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var c captured
		if err := json.Unmarshal(lines.Bytes(), &c); err != nil {
			t.Fatal(err)
		}
		all = append(all, c)
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	return all
}

// The model in the place of the real node a, told what a was told, sends the
// control frames that a sent, when a sent them. (But for one: a real node writes
// a reject while it closes the link, and the one for evil did not get out.)
func TestCapture(t *testing.T) {
	const slack = 50 * time.Millisecond // a real machine is late
	all := readCapture(t)
	clock := transporttest.NewClock()
	began := clock.Now()
	n := newNet(t, "")
	n.clock = clock
	a := n.start("a", 'd').(*Node)
	var sent []received
	dial := func() *transporttest.Link {
		_, far := transporttest.Pipe(clock, 0,
			func(l transport.Link) transport.Receiver {
				return a.Attach(l, mesh.LinkOptions{Cost: 1, AllowedPeers: []string{"b"}})
			},
			func(transport.Link) transport.Receiver { return tape{&sent, clock, began} })
		return far
	}
	clock.Advance(144 * time.Millisecond)
	a.advertise("control", Ad{ConnType: wire.ConnStream, Tags: map[string]string{"type": "Control Service"}})
	var b, evil *transporttest.Link
	for _, c := range all {
		clock.Advance(c.at() - clock.Now().Sub(began))
		if b == nil {
			b = dial()
		}
		frame := c.frame(t)
		switch {
		case c.fromA() || transport.IsData(frame):
		case describe(t, frame) == "update 1 of evil {}":
			evil = dial()
			evil.Send(frame)
		default:
			b.Send(frame)
		}
	}
	clock.Advance(slack)
	rejects := len(sent)
	sent = slices.DeleteFunc(sent, func(r received) bool { return wire.Type(r.frame[0]) == wire.TypeReject })
	if rejects -= len(sent); evil == nil || rejects != 1 {
		t.Errorf("the model sent %d rejects, want 1, to evil", rejects)
	}

	var want []captured
	for _, c := range all {
		if c.fromA() && !transport.IsData(c.frame(t)) {
			want = append(want, c)
		}
	}
	for i, c := range want {
		if i >= len(sent) {
			t.Fatalf("the model sent %d control frames, a sent %d", len(sent), len(want))
		}
		got, wanted := describe(t, sent[i].frame), describe(t, c.frame(t))
		if late := sent[i].at - c.at(); got != wanted || late.Abs() > slack {
			t.Errorf("frame %d: %s at %v, want %s at %v", i, got, sent[i].at, wanted, c.at())
		}
	}
	if len(sent) != len(want) {
		t.Errorf("the model sent %d control frames, a sent %d", len(sent), len(want))
	}
}

// tape records what reaches a far end, and when.
type tape struct {
	frames *[]received
	clock  *transporttest.Clock
	began  time.Time
}

func (r tape) Receive(frame []byte) {
	*r.frames = append(*r.frames, received{r.clock.Now().Sub(r.began), frame})
}
func (tape) Closed(error) {}

// describe says what a control frame says, but for what is random.
func describe(t *testing.T, frame []byte) string {
	switch wire.Type(frame[0]) {
	case wire.TypeRouting:
		u, err := wire.ParseRouting(frame)
		if err != nil {
			t.Fatal(err)
		}
		links, err := json.Marshal(u.Connections)
		if err != nil {
			t.Fatal(err)
		}
		return fmt.Sprintf("update %d of %s %s", u.UpdateSequence, u.NodeID, links)
	case wire.TypeService:
		ad, err := wire.ParseAdvertisement(frame)
		if err != nil {
			t.Fatal(err)
		}
		return fmt.Sprintf("%s of %s, type %d, %v, %v, %v", ad.Service, ad.NodeID, ad.ConnType, ad.Tags, ad.WorkCommands, ad.Cancel)
	default:
		return fmt.Sprintf("type %d %s", frame[0], frame[1:])
	}
}
