package config

import (
	"slices"

	"gopkg.in/yaml.v3"

	"receptor/mesh/firewall"
)

const wantFirewallRules = `a list of rules, such as [{action: accept, toservice: control}, {action: drop, fromnode: /edge-.*/}]: each has an ` +
	`action (accept, reject or drop) and any of fromnode, tonode, fromservice and toservice, a name or a regular expression between slashes`

// A ruleKey is a key of a rule: what it wants, and how it is set to a text that is not empty.
type ruleKey struct {
	name, want string
	set        func(r *firewall.Rule, text string) error
}

var ruleKeys = []ruleKey{
	{"action", firewall.WantAction, func(r *firewall.Rule, text string) (err error) {
		r.Action, err = firewall.ParseAction(text)
		return err
	}},
	{"fromnode", firewall.WantNode, func(r *firewall.Rule, text string) error {
		r.FromNode = text
		return firewall.CheckNode(text)
	}},
	{"tonode", firewall.WantNode, func(r *firewall.Rule, text string) error {
		r.ToNode = text
		return firewall.CheckNode(text)
	}},
	{"fromservice", firewall.WantService, func(r *firewall.Rule, text string) error {
		r.FromService = text
		return firewall.CheckService(text)
	}},
	{"toservice", firewall.WantService, func(r *firewall.Rule, text string) error {
		r.ToService = text
		return firewall.CheckService(text)
	}},
}

// parseFirewallRules reads a list of rules. An empty one is no mistake: it accepts everything, as no list does.
func parseFirewallRules(v value) (any, bool) {
	n, ok := v.flow("[", wantFirewallRules)
	if !ok {
		return nil, false
	}
	if n.Kind != yaml.SequenceNode {
		v.node = n
		if text, ok := v.text(wantFirewallRules); ok {
			v.wrong("is %s: want %s", quote(text), wantFirewallRules)
		}
		return nil, false
	}
	before := len(v.problems.errs)
	var rules []firewall.Rule
	for i, entry := range n.Content {
		rules = append(rules, parseFirewallRule(v.part(entry, "rule %d", i+1)))
	}
	return rules, len(v.problems.errs) == before
}

// parseFirewallRule reads one rule, or complains.
func parseFirewallRule(v value) (r firewall.Rule) {
	n := deref(v.node)
	if n.Kind != yaml.MappingNode {
		v.wrong("is no map: want one such as {action: drop, fromnode: a}")
		return r
	}
	seen := map[string]bool{}
	for _, pair := range pairs(n, v.where, lower, v.problems) {
		i := slices.IndexFunc(ruleKeys, func(k ruleKey) bool { return k.name == lower(pair.name) })
		if i < 0 {
			v.problems.add(pair.where, "%s has an unknown key %s", v.about, unknown(pair.name, ruleKeyNames()))
			continue
		}
		key := ruleKeys[i]
		field := v.part(pair.value, "%s", key.name)
		if seen[key.name] {
			field.wrong("is given twice: want it once")
		}
		seen[key.name] = true
		field.setIn(&r, key)
	}
	if !seen["action"] {
		v.wrong("has no action: want %s", firewall.WantAction)
	}
	return r
}

// setIn sets a key of a rule to the value, or complains. Empty text would mean the same as none, and match everything:
// whoever wrote it, or filled in a template, hardly meant that.
func (v value) setIn(r *firewall.Rule, key ruleKey) {
	text, ok := v.text(key.want)
	if !ok {
		return
	}
	if text == "" {
		v.wrong("is empty: want %s", key.want)
	} else if err := key.set(r, text); err != nil {
		v.wrong("is %s: want %s: %w", quote(text), key.want, err)
	}
}

func ruleKeyNames() []string {
	names := make([]string, len(ruleKeys))
	for i, key := range ruleKeys {
		names[i] = key.name
	}
	return names
}
