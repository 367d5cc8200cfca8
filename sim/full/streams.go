package full

import (
	"slices"
	"time"

	"receptor/sim/check"
	"receptor/sim/eventlog"
	"receptor/sim/scenario"
)

// noticed is how long after one end of a stream the other must have ended: the
// idle timeout of 30 s, which begins anew with the first keep-alive that nobody
// answers, 15 s later at most; and what lies between the nodes.
const noticed = 50 * time.Second

// noticedSlowly is that where a node is slow: QUIC waits for three times as long as it
// gives a probe, if that is more, and that follows the slowest answers it has had.
const noticedSlowly = 200 * time.Second

// Streams counts streams.
type Streams struct {
	Opened int `json:"opened"` // at both ends
	// Complete were read to their end, at both.
	Complete int `json:"complete"`
}

// streamEnd is what became of one end of a stream.
type streamEnd struct {
	node           string
	opened, closed bool
	at             time.Duration // when it was opened
	problem        string        // with which it was closed
	trust          eventlog.Trust
	gone           time.Duration // when its process or its node had ended; 0: not yet
}

// streamJudge holds the event log against what must be true of streams: bytes in
// order, complete or an error at both ends, in time; none outlives its node.
type streamJudge struct {
	streams []scenario.Stream
	ends    [][2]streamEnd // by the number of the stream; client, service
	reasons []refusal
	deaths  map[string]time.Duration
	calm    bool // nothing happens to the mesh
	noticed time.Duration
	report  check.Report
	ended   time.Duration // when the time of the run was over
}

// judgeStreams returns the judge of the streams of a scenario.
func judgeStreams(s *scenario.Scenario, report check.Report) *streamJudge {
	j := &streamJudge{streams: s.Streams, ends: make([][2]streamEnd, len(s.Streams)), deaths: make(map[string]time.Duration), report: report}
	j.noticed = noticed
	for _, a := range s.Timeline {
		if a.Do == scenario.Slow {
			j.noticed = noticedSlowly
		}
	}
	j.calm = quiet(s)
	for n, v := range s.Streams {
		j.ends[n] = [2]streamEnd{{node: v.From}, {node: v.To}}
	}
	return j
}

// quiet reports whether nothing happens to the mesh.
func quiet(s *scenario.Scenario) bool {
	if len(s.Timeline) > 0 || guarded(s) {
		return false
	}
	return !slices.ContainsFunc(s.Links, func(l scenario.Link) bool {
		return s.MayRefuse(l) || slices.ContainsFunc([]scenario.Wire{l.Forward, l.Back}, func(w scenario.Wire) bool {
			return w.Loss+w.Corrupt+w.Bandwidth != 0
		})
	})
}

// guarded reports whether a firewall may be in the way of something.
func guarded(s *scenario.Scenario) bool {
	return slices.ContainsFunc(s.Nodes, func(n scenario.Node) bool { return len(n.Firewall) > 0 })
}

// rooted is how long after the start of a run every node knows the way to every
// other if nothing happens.
const rooted = 5 * time.Second

func (j *streamJudge) take(e eventlog.Event) {
	at := time.Duration(e.At)
	switch e.Kind {
	case eventlog.Died:
		j.deaths[e.Node] = at
	case eventlog.Stopping:
		j.ended = at
	case eventlog.Refused:
		j.reasons = append(j.reasons, refusal{at, [2]string{e.Node, e.Text}})
	}
	if e.Stream < 1 || e.Stream > len(j.ends) || j.ended > 0 && e.Kind != eventlog.Stopping {
		return
	}
	side := 0
	if e.Text == "service" {
		side = 1
	}
	end := &j.ends[e.Stream-1][side]
	switch e.Kind {
	case eventlog.Opened:
		end.opened, end.at = true, at
	case eventlog.Closed:
		end.closed, end.problem, end.gone, end.trust = true, e.Problem, at, e.Trust
		j.judgeBytes(at, e, end)
	case eventlog.Open:
		// The other end may idle meanwhile.
		most := j.streams[e.Stream-1].Idle + j.noticed
		if quiet := time.Duration(e.Quiet); quiet > most {
			j.report(at, e.Node, check.RuleStream, "stream %d: its %s has neither got nor written a byte for %v, and no error: want one within %v",
				e.Stream, e.Text, quiet, most)
		}
	}
}

// judgeBytes judges what an end of a stream has read until it was over.
func (j *streamJudge) judgeBytes(at time.Duration, e eventlog.Event, end *streamEnd) {
	v := j.streams[e.Stream-1]
	died, hasDied := j.deaths[end.node]
	// A kernel closes the sockets of a process that was killed, as that might have
	// done itself; and a client of the control protocol cannot tell at all.
	blind := hasDied && died >= end.at || e.Text == "client" && v.By == scenario.ByConnect
	believes := v.TLS == scenario.NoTLS || e.Trust == eventlog.Always
	switch {
	case e.Flaw == eventlog.Altered:
		j.report(at, e.Node, check.RuleStream, "stream %d: its %s read what the other end has not written: %s", e.Stream, e.Text, e.Problem)
	case e.Flaw == eventlog.Cut && !blind:
		j.report(at, e.Node, check.RuleStream, "stream %d: its %s took a part for the whole: %s", e.Stream, e.Text, e.Problem)
	case e.Trust == eventlog.Never && e.Problem == "" && !blind:
		j.report(at, e.Node, check.RuleStream, "stream %d: its %s has ended well, although the nodes did not believe each other: want an error", e.Stream, e.Text)
	case e.Problem != "" && believes && j.calm && v.At >= rooted:
		j.report(at, e.Node, check.RuleStream, "stream %d: its %s has failed, although nothing was in the way: %s", e.Stream, e.Text, e.Problem)
	}
}

// finish judges what only the end of a run can tell, and counts.
func (j *streamJudge) finish() (counts Streams) {
	for n := range j.ends {
		client, service := &j.ends[n][0], &j.ends[n][1]
		j.judgeTimes(n+1, client, service, "service")
		j.judgeTimes(n+1, service, client, "client")
		j.judgeTrust(n+1, client, service)
		if client.opened && service.opened {
			counts.Opened++
			if client.closed && service.closed && client.problem == "" && service.problem == "" {
				counts.Complete++
			}
		}
	}
	return counts
}

// refusal is a stream that failed since one end did not believe the other.
type refusal struct {
	at    time.Duration
	nodes [2]string
}

// judgeTrust judges a stream between nodes that did not believe each other: it must not
// reach the service, in clear or otherwise, and somebody must be told why.
func (j *streamJudge) judgeTrust(number int, client, service *streamEnd) {
	if client.trust != eventlog.Never {
		return
	}
	if service.opened {
		j.report(service.at, service.node, check.RuleStream, "stream %d: it has come to its service, although the nodes did not believe each other", number)
	}
	told := slices.ContainsFunc(j.reasons, func(r refusal) bool {
		return r.at >= j.streams[number-1].At && (r.nodes == [2]string{client.node, service.node} || r.nodes == [2]string{service.node, client.node})
	})
	if !told && j.calm && j.streams[number-1].At >= rooted {
		j.report(client.gone, client.node, check.RuleStream, "stream %d: the nodes did not believe each other, and none has told: want the reason why it failed", number)
	}
}

// judgeTimes judges whether the end of one end has been noticed by the other.
func (j *streamJudge) judgeTimes(number int, end, other *streamEnd, which string) {
	gone := end.gone
	if died, ok := j.deaths[end.node]; ok && end.opened && died >= end.at && (!end.closed || died < gone) {
		// One that has read all, and is silent for a while, sees that when it writes again.
		if until := j.overAt(end); until > died+j.streams[number-1].Idle {
			j.report(until, end.node, check.RuleStream, "stream %d: one end is there until %v, and its node has died at %v", number, until, died)
		}
		gone = died
	}
	if !end.opened || !other.opened || gone == 0 {
		return
	}
	over := j.overAt(other)
	if took := over - max(gone, other.at); took > j.noticed {
		j.report(over, other.node, check.RuleStream, "stream %d: its %s did not end within %v after the other end, but %v after", number, which, j.noticed, took)
	}
}

// overAt returns until when an end was there.
func (j *streamJudge) overAt(end *streamEnd) time.Duration {
	if end.closed {
		return end.gone
	}
	return j.ended
}
