// Package check holds what must be true of a simulated mesh, and finds out
// whether it is. It shares no code with the nodes that it judges: the graph is
// that of the scenario, the shortest paths are its own, and what nodes claim is
// compared with both.
package check

import (
	"fmt"
	"time"
)

// Violation is something that must not be, and was.
type Violation struct {
	// AtSeconds is the virtual time since the start of the run.
	AtSeconds float64 `json:"at_seconds"`
	// Node is the node ID of the node concerned, "" for the whole mesh.
	Node string `json:"node"`
	// Rule names what was violated.
	Rule Rule `json:"rule"`
	// Text says what was seen, and what was expected instead.
	Text string `json:"text"`
}

// Rule is the name of something that must be true.
type Rule string

// Rules.
const (
	RuleDatabase   Rule = "database"   // it equals the true graph of the node's component
	RuleRoute      Rule = "route"      // every next hop lies on a least-cost path
	RuleUpdate     Rule = "update"     // no older one is accepted over a newer one
	RuleDatagram   Rule = "datagram"   // at most once, only to its address, within its hops
	RuleService    Rule = "service"    // nodes know what is on offer, and nothing else
	RuleFirewall   Rule = "firewall"   // what a node's rules forbid goes no further
	RulePing       Rule = "ping"       // answered once, by its target, when nothing is in the way
	RuleFrame      Rule = "frame"      // every frame that a node sends can be used by its peer
	RuleTraffic    Rule = "traffic"    // control frames fall to their idle rate
	RuleIdentity   Rule = "identity"   // a node with an ID of its own never leaves
	RuleQueue      Rule = "queue"      // they stay within their bounds
	RuleReplay     Rule = "replay"     // the same seed gives the same run
	RuleConverged  Rule = "converged"  // as fast as the scenario expects
	RuleLostPings  Rule = "lost_pings" // no more than the scenario expects
	RuleUnit       Rule = "unit"       // runs once at most, ends as its command does, with its bytes, and leaves nothing
	RuleStream     Rule = "stream"     // bytes in order, complete or an error at both ends in time
	RuleLeak       Rule = "leak"       // nothing is left of a node that has stopped
	RuleUnfinished Rule = "unfinished" // a sound mesh is done with its units
	RuleGuest      Rule = "guest"      // no node of the full engine panics, or waits for ever
)

// ReplayDiffers is the violation of RuleReplay by two runs, of which these are
// the numbers of events and the trace hashes. now is when they ended.
func ReplayDiffers(now time.Duration, events uint64, hash string, eventsAgain uint64, hashAgain string) Violation {
	return Violation{AtSeconds: now.Seconds(), Rule: RuleReplay, Text: fmt.Sprintf(
		"the same scenario and seed gave %d events with trace hash %s, and then %d with %s", events, hash, eventsAgain, hashAgain)}
}

// String returns the violation on one line.
func (v Violation) String() string {
	where := v.Node
	if where == "" {
		where = "mesh"
	}
	return fmt.Sprintf("%.6fs %s: %s: %s", v.AtSeconds, where, v.Rule, v.Text)
}

// Report takes violations.
type Report func(now time.Duration, node string, rule Rule, format string, args ...any)
