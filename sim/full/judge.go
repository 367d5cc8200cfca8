package full

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"time"

	"receptor/sim/check"
	"receptor/sim/eventlog"
	"receptor/sim/scenario"
	"receptor/work"
)

// judge holds the event log against what must be true of units of work.
type judge struct {
	scenario   *scenario.Scenario
	units      []fate // of the scenario's units
	left       []eventlog.Event
	impaired   map[string]bool // nodes whose disks have refused changes
	ended      bool
	givenUp    bool // the run has ended early, so that nothing need be complete
	violations []check.Violation
	counts     Units
	pings      Pings
	streams    *streamJudge
	opened     Streams
	datagrams  *datagramJudge
	stopping   time.Duration // when the time of the run was over
	cores      [][]string
	reached    map[string]string // the next node of a core, by the one that reached it
	converged  *float64          // since when all databases and routes are right, in seconds; nil: they are not
	calm       bool              // the mesh has been undisturbed for the bound
}

// lingering is what the guest gives a daemon that has ended.
const lingering = time.Minute

// fate is what became of a unit.
type fate struct {
	submitted, released bool
	claiming            bool // or claimed
	runs                int
	processes           []string      // that there are
	end                 string        // "" until the submitter has seen one
	canceled            time.Duration // when its node has promised to cancel it; 0: it has not
	over                time.Duration // when its command ended
	// mayFail: its machine lost its power when it ran, or a disk would not take what
	// belongs to it. void: a disk has lost what it was to keep, so that nothing is
	// claimed.
	mayFail, void bool
	trust         eventlog.Trust // of its nodes, up to its end
	deployed      *deployedFate  // of a unit on a deployed node
	// lent: a deployed node has it run, which forgets it when something is in the way.
	lent bool
}

func newJudge(s *scenario.Scenario) *judge {
	j := &judge{
		scenario: s, units: make([]fate, len(s.Units)), violations: []check.Violation{},
		cores: s.Cores(), reached: make(map[string]string), impaired: make(map[string]bool),
	}
	for i, u := range s.Units {
		j.units[i].lent = slices.Contains(deployedOnes(s), u.From)
		if slices.Contains(deployedOnes(s), u.To) {
			j.units[i].deployed = new(deployedFate)
		}
	}
	j.streams = judgeStreams(s, j.report)
	j.datagrams = judgeDatagrams(s, j.report)
	return j
}

func (j *judge) report(at time.Duration, node string, rule check.Rule, format string, args ...any) {
	j.violations = append(j.violations, check.Violation{AtSeconds: at.Seconds(), Node: node, Rule: rule, Text: fmt.Sprintf(format, args...)})
}

func (j *judge) take(e eventlog.Event) {
	j.streams.take(e)
	j.datagrams.take(e)
	switch e.Kind {
	case eventlog.Stopping:
		j.stopping = time.Duration(e.At)
	case eventlog.Leak:
		j.report(time.Duration(e.At), e.Node, check.RuleLeak, "%v after its end a daemon has left %s", lingering, e.Text)
	case eventlog.Pinged:
		j.pings.Sent++
		if e.Problem == "" {
			j.pings.Answered++
		}
	case eventlog.Reached:
		j.reached[e.Node] = e.Text
	case eventlog.Violated:
		j.report(time.Duration(e.At), e.Node, check.Rule(e.Text), "%s", e.Problem)
	case eventlog.Right:
		at := (time.Duration(e.At) - time.Duration(e.Quiet)).Seconds()
		j.converged = &at
	case eventlog.Calm:
		j.calm = true
	case eventlog.Left:
		j.left = append(j.left, e)
	case eventlog.PowerOff, eventlog.Impaired, eventlog.Unsafe, eventlog.Died:
		j.excuse(e)
	case eventlog.GivenUp:
		j.givenUp = true
	case eventlog.End:
		j.ended = true
	}
	if e.Unit >= 1 && e.Unit <= len(j.units) {
		j.takeUnit(e, j.scenario.Units[e.Unit-1], &j.units[e.Unit-1])
	}
}

// takeUnit takes an event of a unit.
func (j *judge) takeUnit(e eventlog.Event, u scenario.Unit, f *fate) {
	at := time.Duration(e.At)
	switch e.Kind {
	case eventlog.Submitted:
		f.submitted = true
		j.counts.Submitted++
	case eventlog.Renamed:
		if f.void {
			return // the one that it had is lost
		}
		j.report(at, e.Node, check.RuleUnit, "unit %d is %s: %s", e.Unit, e.Text, e.Problem)
	case eventlog.Claiming:
		f.claiming = true
	case eventlog.Ran:
		if f.runs++; f.runs > 1 && !f.void {
			j.report(at, e.Node, check.RuleUnit, "unit %d runs for the %d. time: want once at most", e.Unit, f.runs)
		}
		j.judgeStart(at, e.Unit, u, f.deployed)
	case eventlog.Known:
		f.trust = e.Trust
	case eventlog.Seen:
		f.end, f.trust = e.Text, e.Trust
		j.counts.Ended++
		j.judgeEnd(at, e, u, f)
	case eventlog.Reverted:
		if !f.void {
			j.report(at, e.Node, check.RuleUnit, "unit %d has not stayed as its submitter has seen it end: %s", e.Unit, e.Problem)
		}
	case eventlog.Started:
		f.processes = append(f.processes, e.Text)
		j.judgePlaces(at, e, u)
	case eventlog.Ended:
		f.processes = slices.DeleteFunc(f.processes, func(p string) bool { return p == e.Text })
		if e.Text == eventlog.Command {
			f.over = at
		}
	case eventlog.Canceled:
		f.canceled = at
	case eventlog.Released:
		f.released, f.trust = true, e.Trust
		j.counts.Released++
	}
}

// excuse notes which units something is not to be blamed for.
func (j *judge) excuse(e eventlog.Event) {
	if e.Kind == eventlog.Impaired {
		j.impaired[e.Node] = true
	}
	for i, u := range j.scenario.Units {
		f, there := &j.units[i], e.Node == u.To || e.Node == u.From
		if f.deployed != nil && e.Node == u.To {
			f.excuseDeployed(e)
			continue
		}
		f.void = f.void || f.lent && there && e.Kind != eventlog.Died
		switch e.Kind {
		case eventlog.PowerOff:
			f.mayFail = f.mayFail || e.Node == u.To && f.claiming
			if e.Node == u.To {
				f.processes = nil
			}
		case eventlog.Impaired:
			f.mayFail = f.mayFail || there
		case eventlog.Unsafe:
			f.void = f.void || there
		}
	}
}

// judgeEnd judges a unit whose end its submitter has seen.
func (j *judge) judgeEnd(at time.Duration, e eventlog.Event, u scenario.Unit, f *fate) {
	if f.void {
		return
	}
	if f.lent && !quiet(j.scenario) {
		j.judgeSuccess(at, e, f)
		return
	}
	if f.deployed != nil {
		j.judgeDeployed(at, e, u, f)
		return
	}
	if slices.Contains(f.processes, eventlog.Command) || e.Text == work.Canceled.String() && len(f.processes) > 0 {
		j.report(at, u.To, check.RuleUnit, "unit %d is %s, and there are still processes of it: %s", e.Unit, e.Text, strings.Join(f.processes, ", "))
	}
	if j.judgeRefusal(at, e, u, f) {
		return
	}
	stored, exceeds := j.stored(u)
	if e.Size > stored {
		j.report(at, e.Node, check.RuleUnit, "unit %d has %d bytes of output: want %d at most", e.Unit, e.Size, stored)
	}
	j.judgeSuccess(at, e, f)
	j.judgeFailure(at, e, u, f)
	if u.CancelAt > 0 && at >= u.CancelAt && (e.Text == work.Canceled.String() || e.Text == work.Failed.String() && f.runs == 0) {
		return // what never came to its node is cancelled by this one, and called failed
	}
	if f.mayFail && e.Text == work.Failed.String() {
		return
	}
	switch {
	case exceeds && e.Text == work.Failed.String():
		j.judgeExcess(at, e, stored)
	case f.submitted && (exceeds || !endsByItself(e, u)): // without its submission answered, nobody was promised that it runs
		j.report(at, e.Node, check.RuleUnit, "unit %d with exit code %d is %s (%s): want %s", e.Unit, u.Exit, e.Text, e.Detail, wanted(u, exceeds))
	}
}

// wanted says how a unit ends that nothing happens to.
func wanted(u scenario.Unit, exceeds bool) string {
	switch {
	case exceeds:
		return work.Failed.String()
	case u.Exit != 0:
		return fmt.Sprintf("%v (exit status %d)", work.Failed, u.Exit)
	}
	return work.Succeeded.String()
}

// endsByItself reports whether a unit that was seen to end did so with its command.
func endsByItself(e eventlog.Event, u scenario.Unit) bool {
	if u.Exit == 0 {
		return e.Text == work.Succeeded.String()
	}
	return e.Text == work.Failed.String() && e.Detail == fmt.Sprintf("exit status %d", u.Exit)
}

// judgeSuccess judges the end of a unit that has succeeded, if it has.
func (j *judge) judgeSuccess(at time.Duration, e eventlog.Event, f *fate) {
	if e.Text != work.Succeeded.String() {
		return
	}
	j.counts.Succeeded++
	switch {
	case f.runs == 0:
		j.report(at, e.Node, check.RuleUnit, "unit %d has succeeded, and never ran", e.Unit)
	case e.Problem != "":
		j.report(at, e.Node, check.RuleUnit, "unit %d has succeeded with %d bytes: %s", e.Unit, e.Size, e.Problem)
	}
}

// judgeFailure judges the output of a unit that has not succeeded: all of it if its
// command ended by itself, and of any other what there is.
func (j *judge) judgeFailure(at time.Duration, e eventlog.Event, u scenario.Unit, f *fate) {
	if e.Text == work.Succeeded.String() {
		return
	}
	if endsByItself(e, u) && e.Problem != "" || e.Flaw == eventlog.Altered && !f.mayFail {
		j.report(at, e.Node, check.RuleUnit, "unit %d is %s (%s) with %d bytes: %s", e.Unit, e.Text, e.Detail, e.Size, e.Problem)
	}
}

// finish judges what only the end of a run can tell.
func (j *judge) finish(now time.Duration, crash string) {
	switch {
	case crash != "":
		j.report(now, "", check.RuleGuest, "the nodes came to a stop: %s", crash)
		return
	case !j.ended:
		j.report(now, "", check.RuleGuest, "the event log has no end")
		return
	case j.givenUp:
		return
	}
	j.opened = j.streams.finish()
	j.finishUnits(now)
	j.finishRoutes(now)
	if most, lost := j.scenario.Expect.LostPings, j.pings.Sent-j.pings.Answered; most >= 0 && lost > most {
		j.report(now, "", check.RuleLostPings, "%d of %d pings were not answered, expected were %d at most", lost, j.pings.Sent, most)
	}
}

// finishUnits judges units within a core that are not done, and what is left of
// units if all are.
func (j *judge) finishUnits(now time.Duration) {
	released := true
	for i, f := range j.units {
		u := j.scenario.Units[i]
		joined := scenario.Joined(j.cores, u.From, u.To)
		_, unheeded := j.expires(u, now) // what its node signs
		distrusted := f.trust == eventlog.Sometimes
		forgotten := f.lent && !quiet(j.scenario)
		unheeded = unheeded || distrusted || f.void || f.deployed.lost() || forgotten || guarded(j.scenario) || shaken(j.scenario)
		if joined && !unheeded && f.deployed == nil {
			j.judgeCancel(i+1, u, f)
		}
		if joined && !f.released && !unheeded {
			j.report(now, u.From, check.RuleUnfinished, "unit %d is %v by the end of the run, although its nodes had been sound for long: want it released", i+1, f)
		}
		if joined && f.released && !f.void && !distrusted && !f.deployed.astray() && !forgotten && len(f.processes) > 0 {
			j.report(now, u.To, check.RuleUnit, "unit %d is released, and there are still processes of it: %s", i+1, strings.Join(f.processes, ", "))
		}
		released = released && f.released && joined && !f.void && !distrusted
	}
	if released {
		for _, e := range j.left {
			// What a submission has left that failed goes at the next start.
			if j.impaired[e.Node] && strings.HasSuffix(e.Text, ".new") || j.strands(e.Node) {
				continue
			}
			j.report(now, e.Node, check.RuleUnit, "all units are released, and there are still files of %s", e.Text)
		}
	}
}

// What was cancelled, and whose node has promised to see to it, is ended at once where
// nothing happens, and else once its nodes have been sound for as long as they are given
// for all that they owe.
const (
	endedAtOnce = time.Minute
	endedInTime = 10 * time.Minute
)

// judgeCancel judges how long the command of a unit went on after that was cancelled.
func (j *judge) judgeCancel(number int, u scenario.Unit, f fate) {
	since, most := f.canceled, endedAtOnce
	if !quiet(j.scenario) {
		since, most = max(since, j.scenario.For), endedInTime
	}
	if took := f.over - since; f.canceled > 0 && took > most {
		j.report(f.over, u.To, check.RuleUnit, "unit %d was cancelled, which its node had promised at %v, and its command ran until %v: want it ended within %v of %v",
			number, f.canceled, f.over, most, since)
	}
}

// String says how far the unit has come.
func (f fate) String() string {
	switch {
	case f.end != "":
		return f.end + ", and not released"
	case f.runs > 0:
		return "started, and has no end"
	case f.submitted:
		return "submitted, and not started"
	}
	return "not submitted"
}

// finishRoutes judges whether the nodes of each core reach one another.
func (j *judge) finishRoutes(now time.Duration) {
	for _, core := range j.cores {
		for i, id := range core {
			if next := core[(i+1)%len(core)]; next != id && !guarded(j.scenario) && !shaken(j.scenario) && j.reached[id] != next {
				j.report(now, id, check.RuleConverged, "it does not reach %s, although both and what is between them had been sound for long", next)
			}
		}
	}
}

// Judge returns what a run violates that was made without a Host. log is the event
// log of it, to its end.
func Judge(s *scenario.Scenario, log []byte) ([]check.Violation, error) {
	j := newJudge(s)
	var last time.Duration
	for line := range bytes.Lines(log) {
		e, err := eventlog.Parse(bytes.TrimSuffix(line, []byte("\n")))
		if err != nil {
			return nil, fmt.Errorf("event log: %w", err)
		}
		j.take(e)
		last = time.Duration(e.At)
	}
	j.finish(last, "")
	return j.violations, nil
}
