package check

import (
	"regexp"
	"strings"
	"time"

	"receptor/mesh/wire"
)

// FirewallRule is a rule of a node's firewall as its owner wrote it (PROTOCOL
// section 6): fields that are empty match everything, and one between slashes is
// a regular expression for the whole name.
type FirewallRule struct {
	Action                                   string // accept, reject or drop
	FromNode, ToNode, FromService, ToService string
}

// Firewalls checks that nodes let nothing of the workload through that their
// rules forbid. It matches rules in the plainest way, not in the nodes'.
type Firewalls struct {
	ids    []string
	byHash map[uint64]string
	rules  [][]FirewallRule // by node
	any    bool
	report Report
}

// NewFirewalls returns the checker of nodes with these IDs, numbered in order,
// and these rules.
func NewFirewalls(ids []string, rules [][]FirewallRule, report Report) *Firewalls {
	f := &Firewalls{ids: ids, byHash: make(map[uint64]string, len(ids)), rules: rules, report: report}
	for i, id := range ids {
		f.byHash[wire.HashNode(id)] = id
		f.any = f.any || len(rules[i]) > 0
	}
	return f
}

// Any reports whether a node has rules.
func (f *Firewalls) Any() bool { return f.any }

// Open reports whether every node lets datagrams of the workload from one node
// to another through.
func (f *Firewalls) Open(from, to int) bool {
	for i := range f.rules {
		if !f.accepts(i, f.ids[from], f.ids[to]) {
			return false
		}
	}
	return true
}

// Leaves tells that node puts a data frame on a wire.
func (f *Firewalls) Leaves(now time.Duration, node int, frame []byte) {
	if len(f.rules[node]) == 0 {
		return
	}
	data, err := wire.ParseData(frame)
	if err != nil || data.ToService.String() != Service {
		return
	}
	from, to := f.byHash[data.FromNode], f.byHash[data.ToNode]
	if !f.accepts(node, from, to) {
		f.report(now, f.ids[node], RuleFirewall, "it lets a datagram from %s to %s go on, which its firewall forbids", from, to)
	}
}

// Received tells that the simulator's service on node was given a datagram.
func (f *Firewalls) Received(now time.Duration, node int, from string) {
	if !f.accepts(node, from, f.ids[node]) {
		f.report(now, f.ids[node], RuleFirewall, "it took a datagram from %s, which its firewall forbids", from)
	}
}

// accepts reports whether the rules of node let a datagram of the workload
// through: the first that matches decides.
func (f *Firewalls) accepts(node int, from, to string) bool {
	for _, r := range f.rules[node] {
		self := f.ids[node]
		if matches(r.FromNode, from, self) && matches(r.ToNode, to, self) &&
			matches(r.FromService, Service, "") && matches(r.ToService, Service, "") {
			return strings.EqualFold(r.Action, "accept")
		}
	}
	return true
}

func matches(pattern, name, self string) bool {
	switch {
	case pattern == "":
		return true
	case len(pattern) > 1 && strings.HasPrefix(pattern, "/") && strings.HasSuffix(pattern, "/"):
		return regexp.MustCompile(`(?s)\A(?:` + pattern[1:len(pattern)-1] + `)\z`).MatchString(name)
	case self != "" && strings.EqualFold(pattern, "localhost"):
		return name == self
	}
	return pattern == name
}
