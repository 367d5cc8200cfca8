// Package eventlog is what the guest of the full engine tells its host: one
// event a line, as JSON, in the order in which they happened.
package eventlog

import (
	"bytes"
	"encoding/json"
	"strconv"
)

// Kind is what happened.
type Kind string

// Kinds of events.
const (
	Frame     Kind = "frame"      // a link delivered one; Text is the link, Size and Sum those of the frame
	Disk      Kind = "disk"       // a disk was changed; Text is the operation and the file, Size and Sum what was written
	LogLine   Kind = "log"        // a daemon logged Text
	Fault     Kind = "fault"      // Text is the action of the timeline
	FaultOver Kind = "fault over" // it has ended
	Pinged    Kind = "pinged"     // a ping was answered, or not: Problem
	Sent      Kind = "sent"       // a node was given a datagram for the node Text, a Problem follows if it does not take it
	Delivered Kind = "delivered"  // a node was given a datagram of the workload by the node Text; Sum is that of its payload
	Submitted Kind = "submitted"  // a node has promised to see to a unit
	Renamed   Kind = "renamed"    // a second submission of a unit was taken for another: Problem
	Claiming  Kind = "claiming"   // a supervisor is about to claim a unit
	Ran       Kind = "ran"        // a command was started for a unit
	Seen      Kind = "seen"       // the submitter saw the end of a unit: Text is its state, Detail its detail, Size and Sum its output
	Reverted  Kind = "reverted"   // the submitter saw another end of a unit, or none any more: Text is its state, Problem what is different
	Started   Kind = "started"    // a process of a unit, Text, is there
	Ended     Kind = "ended"      // it is not any more
	Canceled  Kind = "canceled"   // a node has promised to cancel a unit
	Released  Kind = "released"   // the submitter has released a unit
	Problem   Kind = "problem"    // a client was told of an error that may pass
	Opened    Kind = "opened"     // an end of a stream is there; Text is which: client, service
	Closed    Kind = "closed"     // it is over: Size is what it has read, Problem why it ended early
	Open      Kind = "open"       // at the end of a run it is not over: Quiet is how long nothing has moved
	Refused   Kind = "refused"    // a stream between a node and Text has failed, for one did not believe the other: Problem
	Known     Kind = "known"      // at the end of a run a unit is not released, or was only promised to be: Trust
	PowerOff  Kind = "poweroff"   // a machine has lost its power
	Impaired  Kind = "impaired"   // a disk may refuse changes from now on: Text
	Unsafe    Kind = "unsafe"     // a disk, or a node that is there twice, may lose or has lost what it was to keep: Text
	Died      Kind = "died"       // a daemon was killed
	Stopping  Kind = "stopping"   // the time of the run is over, and the daemons are stopped
	Leak      Kind = "leak"       // a daemon ended a while ago, and has left Text
	Reached   Kind = "reached"    // in the end a node has an answer from Text, the next one of its core
	Violated  Kind = "violated"   // what nodes believe violates the rule Text: Problem
	GivenUp   Kind = "given up"   // the run ends early, for there are too many violations
	Right     Kind = "right"      // all databases and routes are right, and have been for Quiet
	Calm      Kind = "calm"       // the mesh has been undisturbed for the convergence bound
	Left      Kind = "left"       // at the end there are still files of a unit: Text
	End       Kind = "end"        // the run is over
)

// Command is the process of a unit that is none of its children.
const Command = "command"

// Flaw is what is wrong with the bytes that came out of a stream, or are the output of a unit.
type Flaw string

// Flaws.
const (
	Cut     Flaw = "cut"     // an end of data before that of what was written
	Altered Flaw = "altered" // other bytes than those written
)

// Trust is whether two nodes believed each other's certificate since they began to have
// to do with each other, up to now: by their clocks, and as far as TLS asks for one.
type Trust string

// Kinds of trust. "" is that of nodes without TLS.
const (
	Always    Trust = "always"
	Never     Trust = "never"     // at no time
	Sometimes Trust = "sometimes" // or it is not known
)

// Event is one line. Unit, Stream and Datagram count those of the scenario
// from 1, the datagrams of one series after those of the one before. No number is
// negative.
type Event struct {
	At       int64  `json:"at"` // nanoseconds of virtual time since the start
	Kind     Kind   `json:"kind"`
	Node     string `json:"node,omitempty"`
	Unit     int    `json:"unit,omitempty"`
	Stream   int    `json:"stream,omitempty"`
	Datagram uint64 `json:"datagram,omitempty"`
	Text     string `json:"text,omitempty"`
	Size     int    `json:"size,omitempty"`
	Sum      uint64 `json:"sum,omitempty"`
	Problem  string `json:"problem,omitempty"`
	Detail   string `json:"detail,omitempty"` // of a unit, when its end is seen
	Flaw     Flaw   `json:"flaw,omitempty"`
	Trust    Trust  `json:"trust,omitempty"` // of a stream, at the end of its client; of a unit, when its end is seen, and at the end
	Quiet    int64  `json:"quiet,omitempty"` // nanoseconds
}

// Append appends an event as a line: what encoding/json makes of it, but faster,
// since the guest has one for each frame.
func (e *Event) Append(b []byte) []byte {
	b = strconv.AppendInt(append(b, `{"at":`...), e.At, 10)
	b = appendText(append(b, `,"kind":`...), string(e.Kind))
	text := func(key, value string) {
		if value != "" {
			b = appendText(append(b, key...), value)
		}
	}
	number := func(key string, value uint64) {
		if value != 0 {
			b = strconv.AppendUint(append(b, key...), value, 10)
		}
	}
	text(`,"node":`, e.Node)
	number(`,"unit":`, uint64(e.Unit))
	number(`,"stream":`, uint64(e.Stream))
	number(`,"datagram":`, e.Datagram)
	text(`,"text":`, e.Text)
	number(`,"size":`, uint64(e.Size))
	number(`,"sum":`, e.Sum)
	text(`,"problem":`, e.Problem)
	text(`,"detail":`, e.Detail)
	text(`,"flaw":`, string(e.Flaw))
	text(`,"trust":`, string(e.Trust))
	number(`,"quiet":`, uint64(e.Quiet))
	return append(b, "}\n"...)
}

// appendText appends a string as JSON.
func appendText(b []byte, s string) []byte {
	for i := range len(s) {
		switch c := s[i]; {
		case c < ' ', c > '~', c == '"', c == '\\', c == '<', c == '>', c == '&':
			text, _ := json.Marshal(s) // a string has no error
			return append(b, text...)
		}
	}
	return append(append(append(b, '"'), s...), '"')
}

// KindOf reads what kind of event a line is that Append has made; of another it may
// say "".
func KindOf(line []byte) Kind {
	rest, begins := bytes.CutPrefix(line, []byte(`{"at":`))
	rest, follows := bytes.CutPrefix(bytes.TrimLeft(rest, "0123456789"), []byte(`,"kind":"`))
	kind, _, ends := bytes.Cut(rest, []byte(`"`))
	if !begins || !follows || !ends {
		return ""
	}
	return Kind(kind)
}

// Parse reads one line.
func Parse(line []byte) (Event, error) {
	var e Event
	err := json.Unmarshal(line, &e)
	return e, err
}
