package full

import (
	"time"

	"receptor/sim/check"
	"receptor/sim/eventlog"
	"receptor/sim/scenario"
)

// Datagrams counts datagrams.
type Datagrams struct {
	Sent int `json:"sent"`
	// Delivered arrived, each counted once.
	Delivered int `json:"delivered"`
}

// shipment is a datagram that was sent.
type shipment struct {
	from, to  string
	sum       uint64
	delivered bool
}

// datagramJudge holds the event log against what must be true of datagrams: one is
// delivered as it was sent, once at most, only at its address.
type datagramJudge struct {
	sent map[uint64]*shipment
	// A wire that duplicates, or a node that is there twice, may have one delivered
	// twice, and a wire that corrupts, or a node that forges, may have another datagram
	// delivered than was sent.
	duplicates, corrupts bool
	report               check.Report
	counts               Datagrams
}

func judgeDatagrams(s *scenario.Scenario, report check.Report) *datagramJudge {
	j := &datagramJudge{sent: make(map[uint64]*shipment), report: report}
	for _, a := range s.Timeline {
		j.duplicates = j.duplicates || a.Do == scenario.Duplicate
		j.corrupts = j.corrupts || a.Do == scenario.Forge
	}
	for _, l := range s.Links {
		for _, w := range []scenario.Wire{l.Forward, l.Back} {
			j.duplicates = j.duplicates || w.Duplicate > 0
			j.corrupts = j.corrupts || w.Corrupt > 0
		}
	}
	return j
}

func (j *datagramJudge) take(e eventlog.Event) {
	switch e.Kind {
	case eventlog.Sent:
		j.counts.Sent++
		j.sent[e.Datagram] = &shipment{from: e.Node, to: e.Text, sum: e.Sum}
	case eventlog.Delivered:
		j.delivered(time.Duration(e.At), e)
	}
}

func (j *datagramJudge) delivered(at time.Duration, e eventlog.Event) {
	s := j.sent[e.Datagram]
	right := s != nil && s.to == e.Node && s.from == e.Text && s.sum == e.Sum
	switch {
	case right && s.delivered:
		if !j.duplicates && !j.corrupts {
			j.report(at, e.Node, check.RuleDatagram, "it was given datagram %d from %s twice", e.Datagram, e.Text)
		}
	case right:
		s.delivered = true
		j.counts.Delivered++
	case j.corrupts:
	case s == nil:
		j.report(at, e.Node, check.RuleDatagram, "it was given datagram %d from %s, which nobody sent", e.Datagram, e.Text)
	case s.to != e.Node || s.from != e.Text:
		j.report(at, e.Node, check.RuleDatagram, "it was given datagram %d from %s, which %s sent to %s", e.Datagram, e.Text, s.from, s.to)
	default:
		j.report(at, e.Node, check.RuleDatagram, "it was given datagram %d from %s with other bytes than were sent", e.Datagram, e.Text)
	}
}
