package sim

import (
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"receptor/sim/scenario"
)

// TestFirewallsHold: whatever the rules of the nodes, none lets a datagram go on
// that its own forbid, and what all of them allow arrives. Routes do not depend on
// rules. (Seen to fail with planted bugs: rules that are not asked for datagrams
// that pass through; the last rule that matches decides.)
func TestFirewallsHold(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		s := drawScenario(t)
		if len(s.Nodes) < 2 {
			t.Skip("a lone node sends nothing")
		}
		s.Pings, s.Datagrams = nil, nil
		for i := range s.Nodes {
			if s.Nodes[i].Kind != scenario.KindDeployed {
				s.Nodes[i].Firewall = drawRules(t, s)
			}
		}
		for range rapid.IntRange(1, 6).Draw(t, "series") {
			s.Datagrams = append(s.Datagrams, scenario.Datagram{
				Ping: scenario.Ping{From: drawNode(t, s), To: drawNode(t, s), Every: time.Second, Count: 90},
				Size: scenario.MinDatagram, Hops: 30,
			})
		}
		runProperty(t, s)
	})
}

func drawNode(t *rapid.T, s *scenario.Scenario) string {
	return s.Nodes[rapid.IntRange(0, len(s.Nodes)-1).Draw(t, "node")].ID
}

func drawRules(t *rapid.T, s *scenario.Scenario) []scenario.Rule {
	name := func() string {
		switch rapid.IntRange(0, 4).Draw(t, "pattern") {
		case 0:
			return drawNode(t, s)
		case 1:
			return fmt.Sprintf("/n[%d-9].*/", rapid.IntRange(0, 9).Draw(t, "from"))
		case 2:
			return "localhost"
		default:
			return ""
		}
	}
	rules := make([]scenario.Rule, rapid.IntRange(0, 3).Draw(t, "rules"))
	for i := range rules {
		rules[i] = scenario.Rule{
			Action:   rapid.SampledFrom([]string{"accept", "reject", "drop"}).Draw(t, "action"),
			FromNode: name(), ToNode: name(),
			FromService: rapid.SampledFrom([]string{"", "", "sim", "/s.*/", "other"}).Draw(t, "from service"),
			ToService:   rapid.SampledFrom([]string{"", "", "sim", "/.{3}/", "other"}).Draw(t, "to service"),
		}
	}
	return rules
}
