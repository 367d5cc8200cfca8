package config

import (
	"testing"

	"receptor/mesh/firewall"
)

// Every mistake in the rules is complained of at its own line, by the number of the rule.
func TestBadFirewallRules(t *testing.T) {
	const keys = "(known: action, fromnode, tonode, fromservice, toservice)"
	_, err := fromFile(`
- local-only
- node:
    id: a
    firewallrules:
      - action: accept
        fromnode: /a(/
        tonode: ""
      - fromnode: a
        from-service: x
      - deny
      - Action: deny
        FromNode:
        toservice: 123456789
        ToService: x
      - {action: drop, fromservice: /web, tonode: [b]}
`)
	wantProblems(t, err,
		"r.yml:7: node: firewallrules rule 1 fromnode is \"/a(/\": want "+firewall.WantNode+": error parsing regexp: missing closing ): `a(`",
		`r.yml:8: node: firewallrules rule 1 tonode is empty: want `+firewall.WantNode,
		`r.yml:10: node: firewallrules rule 2 has an unknown key "from-service": did you mean "fromservice"? `+keys,
		`r.yml:9: node: firewallrules rule 2 has no action: want accept, reject or drop`,
		`r.yml:11: node: firewallrules rule 3 is no map: want one such as {action: drop, fromnode: a}`,
		`r.yml:12: node: firewallrules rule 4 action is "deny": want accept, reject or drop: there is no such action`,
		`r.yml:13: node: firewallrules rule 4 fromnode has no value: want `+firewall.WantNode,
		`r.yml:14: node: firewallrules rule 4 toservice is "123456789": want `+firewall.WantService+
			`: service name "123456789" has 9 bytes, at most 8 are possible`,
		`r.yml:15: node: firewallrules rule 4 toservice is given twice: want it once`,
		`r.yml:16: node: firewallrules rule 5 fromservice is "/web": want `+firewall.WantService+
			`: it begins with a slash, but is no expression between two`,
		`r.yml:16: node: firewallrules rule 5 tonode is a list: want `+firewall.WantNode)
}

func TestFirewallRulesThatAreNoList(t *testing.T) {
	_, err := fromFile("- local-only\n- node:\n    firewallrules:\n      action: drop\n")
	wantProblems(t, err, "r.yml:4: node: firewallrules is a map: want "+wantFirewallRules)
	_, err = fromArgs(nil, "--local-only", "--node", "a", "firewallrules=[{action: drop}")
	wantProblems(t, err, `command line: node: firewallrules is "[{action: drop}": want `+wantFirewallRules+`: did not find expected ',' or ']'`)
}

// Rules may be shared by anchors, as all else.
func TestFirewallRulesWithAnchors(t *testing.T) {
	got, err := fromFile(`
- local-only
- node:
    firewallrules:
      - &base {action: drop, FromNode: x}
      - {<<: *base, fromnode: y, toservice: s}
      - *base
`)
	wantConfig(t, got, err, alone(func(c *Config) {
		c.Node.FirewallRules = []firewall.Rule{
			{Action: firewall.Drop, FromNode: "x"},
			{Action: firewall.Drop, FromNode: "y", ToService: "s"},
			{Action: firewall.Drop, FromNode: "x"},
		}
	}))
}
