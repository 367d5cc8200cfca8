package full

import (
	"slices"
	"strings"
	"time"

	"receptor/sim/check"
	"receptor/sim/eventlog"
	"receptor/sim/scenario"
	"receptor/work"
)

// deployedFate is what else became of a unit on a deployed node, which does not know it
// by its key, and forgets more than one of ours. nil is for units on nodes of ours.
type deployedFate struct {
	// broken: its disk has failed, or lost what was never synced. All that is claimed is
	// that the unit runs once at most.
	broken bool
	// crashed: its daemon was killed since there could be something of the unit there. It
	// holds for failed what it does not see running, and may not end it.
	crashed bool
	// unknown: its submitter was told that nobody knows whether it was started, so that
	// nobody can release it there.
	unknown bool
	// never is the detail by which its submitter was told that it is not started.
	never string
}

func (d *deployedFate) lost() bool { return d != nil && d.broken }

// astray reports whether the node may have something of the unit that its submitter cannot
// have it end.
func (d *deployedFate) astray() bool { return d != nil && (d.broken || d.crashed || d.unknown) }

// excuseDeployed notes what has happened to the node.
func (f *fate) excuseDeployed(e eventlog.Event) {
	d := f.deployed
	if e.Kind != eventlog.Died {
		d.broken = true
	}
	d.crashed = d.crashed || e.Kind == eventlog.Died
	if e.Kind == eventlog.PowerOff {
		f.processes = nil
	}
}

// strands reports whether a node may have been left with something of a unit that a
// deployed node runs, or has run.
func (j *judge) strands(node string) bool {
	for i, f := range j.units {
		u := j.scenario.Units[i]
		if u.To == node && f.deployed.astray() || f.lent && (u.From == node || u.To == node) && !quiet(j.scenario) {
			return true
		}
	}
	return false
}

// Details with which a unit on a deployed node may fail whose command did not, unless
// nothing was in the way.
var (
	// notStarted are those of one that was never started.
	notStarted = []string{"broke before it had all input", "never had all input", "Locally Cancelled"}
	// atRestart are those of one whose node has lost it, or holds it for failed.
	atRestart = []string{"Remote work unit is gone", "Pending at restart", "Failed to restart"}
	// anyway are those of one that may have been started.
	anyway = append([]string{"unknown whether", "Error reading input data"}, atRestart...)
)

func hasAny(detail string, texts []string) bool {
	return slices.ContainsFunc(texts, func(t string) bool { return strings.Contains(detail, t) })
}

// judgeDeployed judges the end of a unit on a deployed node, which its submitter has
// seen.
func (j *judge) judgeDeployed(at time.Duration, e eventlog.Event, u scenario.Unit, f *fate) {
	d := f.deployed
	d.unknown = hasAny(e.Detail, anyway) || hasAny(e.Detail, notStarted)
	if hasAny(e.Detail, notStarted) && !hasAny(e.Detail, anyway) {
		d.never = e.Detail
	}
	if d.broken {
		return
	}
	if !d.astray() && slices.Contains(f.processes, eventlog.Command) {
		j.report(at, u.To, check.RuleUnit, "unit %d is %s, and there are still processes of it: %s", e.Unit, e.Text, strings.Join(f.processes, ", "))
	}
	j.judgeSuccess(at, e, f)
	j.judgeFailure(at, e, u, f)
	canceled := u.CancelAt > 0 && at >= u.CancelAt
	switch {
	case endsByItself(e, u) && !d.unknown:
	case hasAny(e.Detail, atRestart) && !d.crashed:
		j.report(at, e.Node, check.RuleUnit, "unit %d is %s (%s), and its node has not restarted", e.Unit, e.Text, e.Detail)
	case d.never != "" && f.runs > 0:
		j.judgeStart(at, e.Unit, u, d)
	case canceled && (e.Text == work.Canceled.String() || e.Detail == "Killed"):
	case d.unknown && (!quiet(j.scenario) || canceled), f.mayFail && e.Text == work.Failed.String():
	default:
		j.report(at, e.Node, check.RuleUnit, "unit %d with exit code %d is %s (%s): want %s", e.Unit, u.Exit, e.Text, e.Detail, wanted(u, false))
	}
}

// judgeStart judges a unit that was started, which its submitter may have been told never
// is.
func (j *judge) judgeStart(at time.Duration, unit int, u scenario.Unit, d *deployedFate) {
	if d != nil && d.never != "" {
		j.report(at, u.To, check.RuleUnit, "unit %d was started, and its submitter was told %q: want it said that this is unknown", unit, d.never)
	}
}
