package full

import (
	"fmt"
	"slices"
	"time"

	"receptor/sim/check"
	"receptor/sim/eventlog"
	"receptor/sim/scenario"
)

// node returns a node of the scenario.
func (j *judge) node(id string) *scenario.Node {
	for i := range j.scenario.Nodes {
		if n := &j.scenario.Nodes[i]; n.ID == id {
			return n
		}
	}
	return &scenario.Node{ID: id}
}

// stored returns how many bytes of the output of a unit are kept, and whether that is
// less than what it writes.
func (j *judge) stored(u scenario.Unit) (bytes int, exceeds bool) { return j.node(u.To).Stored(u) }

// judgePlaces judges the start of a command: no more of a work type run than may.
func (j *judge) judgePlaces(at time.Duration, e eventlog.Event, u scenario.Unit) {
	limit := j.node(u.To).MaxParallel
	if e.Text != eventlog.Command || limit == 0 {
		return
	}
	running := 0
	for i, o := range j.scenario.Units {
		if o.To != u.To || o.Signed != u.Signed {
			continue
		}
		if j.units[i].void {
			return // the node cannot know of all that run
		}
		if slices.Contains(j.units[i].processes, eventlog.Command) {
			running++
		}
	}
	if running > limit {
		j.report(at, u.To, check.RuleUnit, "unit %d is started, and %d of its work type run: want %d at most (max_parallel)", e.Unit, running, limit)
	}
}

// judgeExcess judges what is said of a unit that was ended because it wrote more than
// it may. What is kept of that was looked at where its end was seen: Problem.
func (j *judge) judgeExcess(at time.Duration, e eventlog.Event, stored int) {
	want := fmt.Sprintf("Output exceeds %d bytes, the maxoutput of the work type", stored)
	if e.Detail != want || e.Problem != "" || e.Size != stored {
		j.report(at, e.Node, check.RuleUnit, "unit %d has written more than it may, and is Failed with %d bytes and the detail %q; %s: want all %d bytes that it may, and the detail %q",
			e.Unit, e.Size, e.Detail, e.Problem, stored, want)
	}
}
