package shrink

import (
	"slices"

	"receptor/sim/scenario"
)

// clone returns a copy that shares nothing that shrinking changes. (The lists
// in nodes and actions are replaced, never changed.)
func clone(s *scenario.Scenario) *scenario.Scenario {
	c := *s
	c.Nodes = slices.Clone(s.Nodes)
	c.Links = slices.Clone(s.Links)
	c.Pings = slices.Clone(s.Pings)
	c.Datagrams = slices.Clone(s.Datagrams)
	c.Units = slices.Clone(s.Units)
	c.Streams = slices.Clone(s.Streams)
	c.Services = slices.Clone(s.Services)
	c.Timeline = slices.Clone(s.Timeline)
	return &c
}

// leaveOut tries to do without nodes, and all that has to do with them, then
// without links, actions and parts of the workload.
func (s *shrinker) leaveOut() {
	s.reduce(len(s.best.Nodes), withoutNodes)
	s.reduce(len(s.best.Links), func(best *scenario.Scenario, out []bool) *scenario.Scenario {
		c := clone(best)
		c.Links = keep(c.Links, out)
		dropDangling(c)
		return c
	})
	s.reduce(len(s.best.Timeline), func(best *scenario.Scenario, out []bool) *scenario.Scenario {
		c := clone(best)
		c.Timeline = keep(c.Timeline, out)
		return c
	})
	s.leaveOutRules()
	s.reduce(len(s.best.Pings), func(best *scenario.Scenario, out []bool) *scenario.Scenario {
		c := clone(best)
		c.Pings = keep(c.Pings, out)
		return c
	})
	s.reduce(len(s.best.Datagrams), func(best *scenario.Scenario, out []bool) *scenario.Scenario {
		c := clone(best)
		c.Datagrams = keep(c.Datagrams, out)
		return c
	})
	s.reduce(len(s.best.Units), func(best *scenario.Scenario, out []bool) *scenario.Scenario {
		c := clone(best)
		c.Units = keep(c.Units, out)
		return c
	})
	s.reduce(len(s.best.Streams), func(best *scenario.Scenario, out []bool) *scenario.Scenario {
		c := clone(best)
		c.Streams = keep(c.Streams, out)
		return c
	})
	s.reduce(len(s.best.Services), func(best *scenario.Scenario, out []bool) *scenario.Scenario {
		c := clone(best)
		c.Services = keep(c.Services, out)
		return c
	})
}

// leaveOutRules tries to do without rules of firewalls.
func (s *shrinker) leaveOutRules() {
	n := 0
	for _, node := range s.best.Nodes {
		n += len(node.Firewall)
	}
	s.reduce(n, func(best *scenario.Scenario, out []bool) *scenario.Scenario {
		c := clone(best)
		for i := range c.Nodes {
			rules := c.Nodes[i].Firewall
			c.Nodes[i].Firewall = keep(rules, out[:len(rules)])
			out = out[len(rules):]
		}
		return c
	})
}

// keep returns the items that are not left out.
func keep[T any](items []T, out []bool) []T {
	var kept []T
	for i, item := range items {
		if !out[i] {
			kept = append(kept, item)
		}
	}
	return kept
}

func withoutNodes(best *scenario.Scenario, out []bool) *scenario.Scenario {
	c := clone(best)
	c.Nodes = keep(c.Nodes, out)
	if len(c.Nodes) == 0 {
		return nil
	}
	dropDangling(c)
	return c
}

// dropDangling removes all that names nodes or links that are no longer there.
// An action on several nodes goes on with those that are left.
func dropDangling(c *scenario.Scenario) {
	exists := make(map[string]bool, len(c.Nodes))
	for _, n := range c.Nodes {
		exists[n.ID] = true
	}
	c.Links = slices.DeleteFunc(c.Links, func(l scenario.Link) bool { return !exists[l.From] || !exists[l.To] })
	linked := make(map[[2]string]bool, 2*len(c.Links))
	for _, l := range c.Links {
		linked[[2]string{l.From, l.To}], linked[[2]string{l.To, l.From}] = true, true
	}
	c.Pings = slices.DeleteFunc(c.Pings, func(p scenario.Ping) bool { return !exists[p.From] || !exists[p.To] })
	c.Units = slices.DeleteFunc(c.Units, func(u scenario.Unit) bool { return !exists[u.From] || !exists[u.To] })
	c.Streams = slices.DeleteFunc(c.Streams, func(v scenario.Stream) bool { return !exists[v.From] || !exists[v.To] })
	c.Datagrams = slices.DeleteFunc(c.Datagrams, func(d scenario.Datagram) bool { return !exists[d.From] || !exists[d.To] })
	c.Services = slices.DeleteFunc(c.Services, func(v scenario.Service) bool { return !exists[v.Node] })
	kept := c.Timeline[:0]
	for _, a := range c.Timeline {
		switch {
		case a.Link != [2]string{} && !linked[a.Link], a.Node != "" && !exists[a.Node], a.Via != "" && !exists[a.Via]:
			continue
		case len(a.Nodes) > 0:
			a.Nodes = slices.DeleteFunc(slices.Clone(a.Nodes), func(id string) bool { return !exists[id] })
			if len(a.Nodes) == 0 {
				continue
			}
		}
		kept = append(kept, a)
	}
	c.Timeline = kept
}

// mergeChains tries to replace a node between two others that are not linked by
// a link between them: a long way round becomes a short one, which leaving out
// cannot do, since every node of a way round is needed.
func (s *shrinker) mergeChains() {
	for i := 0; i < len(s.best.Nodes); {
		if c := withoutMiddle(s.best, s.best.Nodes[i].ID); c == nil || !s.try(c) {
			i++
		}
	}
}

// withoutMiddle returns the candidate that has a link in place of a node, nil
// if the node is not one of such a chain.
func withoutMiddle(best *scenario.Scenario, id string) *scenario.Scenario {
	var around []string
	bridge := scenario.Link{}
	for _, l := range best.Links {
		if l.From != id && l.To != id {
			continue
		}
		bridge = l
		if l.From == id {
			around = append(around, l.To)
		} else {
			around = append(around, l.From)
		}
	}
	if len(around) != 2 {
		return nil
	}
	for _, l := range best.Links {
		if l.From == around[0] && l.To == around[1] || l.From == around[1] && l.To == around[0] {
			return nil
		}
	}
	out := make([]bool, len(best.Nodes))
	for i, n := range best.Nodes {
		out[i] = n.ID == id
	}
	c := withoutNodes(best, out)
	if c != nil {
		bridge.From, bridge.To = around[0], around[1]
		c.Links = append(c.Links, bridge)
	}
	return c
}
