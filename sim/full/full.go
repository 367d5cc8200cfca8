// Package full is the host of the full engine: it runs the guest, which is whole
// daemons compiled to WebAssembly, with time and randomness that follow from the
// scenario and its seed alone, and judges the event log that the guest writes.
package full

import (
	"bytes"
	"fmt"
	"hash"
	"io"
	"time"

	"receptor/sim/check"
	"receptor/sim/eventlog"
)

// Engine is the name of this engine.
const Engine = "full"

// Options say how to run a scenario.
type Options struct {
	// For replaces the duration that the scenario states; 0 keeps it.
	For time.Duration
	// Trace, if set, gets the event log.
	Trace io.Writer
	// Wall is as in sim.Options.
	Wall func() time.Duration
}

// Report is what came of a run. As JSON it is what `meshsim run --json` prints.
type Report struct {
	Seed           uint64  `json:"seed"`
	Engine         string  `json:"engine"`
	Nodes          int     `json:"nodes"`
	Links          int     `json:"links"`
	VirtualSeconds float64 `json:"virtual_seconds"`
	// WallSeconds is the one value that differs from run to run.
	WallSeconds float64 `json:"wall_seconds"`
	Events      uint64  `json:"events"`
	// TraceHash is that of the event log, for a guest with this Guest digest.
	TraceHash string `json:"trace_hash"`
	Guest     string `json:"guest"`
	// ConvergedAtSeconds is as in sim.Report, at the end of the time that the
	// scenario states unless that says converges.
	ConvergedAtSeconds *float64          `json:"converged_at_seconds"`
	Violations         []check.Violation `json:"violations"` // never nil
	Units              Units             `json:"units"`
	Pings              Pings             `json:"pings"`
	Streams            Streams           `json:"streams"`
	Datagrams          Datagrams         `json:"datagrams"`
	// Quiet is as in sim.Report.
	Quiet bool `json:"-"`
}

// Units counts units of work.
type Units struct {
	Submitted int `json:"submitted"`
	Succeeded int `json:"succeeded"`
	Ended     int `json:"ended"` // in any way
	Released  int `json:"released"`
}

// Pings counts pings.
type Pings struct {
	Sent     int `json:"sent"` // and answered, or given up
	Answered int `json:"answered"`
}

// sink takes the event log: it hashes, judges and writes each line.
type sink struct {
	hash   hash.Hash
	judge  *judge
	trace  io.Writer
	rest   []byte // a line whose end has not come
	events uint64
	err    error
}

// Write implements io.Writer.
func (s *sink) Write(p []byte) (int, error) {
	s.hash.Write(p)
	if s.trace != nil {
		if _, err := s.trace.Write(p); err != nil && s.err == nil {
			s.err = fmt.Errorf("write trace: %w", err)
		}
	}
	s.rest = append(s.rest, p...)
	for {
		line, rest, found := bytes.Cut(s.rest, []byte("\n"))
		if !found {
			return len(p), nil
		}
		s.events++
		s.take(line)
		s.rest = rest
	}
}

// take judges a line. Of most there is nothing to judge, and so no need to know more.
func (s *sink) take(line []byte) {
	switch eventlog.KindOf(line) {
	case eventlog.Frame, eventlog.Disk, eventlog.LogLine:
		return
	}
	e, err := eventlog.Parse(line)
	if err != nil && s.err == nil {
		s.err = fmt.Errorf("line %d of the event log: %w", s.events, err)
	}
	s.judge.take(e)
}
