package scenario

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"sort"
	"strconv"

	"receptor/mesh/firewall"
	"receptor/mesh/wire"
	"receptor/sim/seed"
)

// Resolve draws everything that the file leaves open. Equal seeds give equal
// scenarios. The error is a Problems.
func (f *File) Resolve(seed uint64) (*Scenario, error) {
	s := &Scenario{
		Name: f.name, Description: f.description, Seed: seed, For: f.duration,
		Services: slices.Clone(f.services), Units: slices.Clone(f.units), Streams: slices.Clone(f.streams), Timeline: slices.Clone(f.timeline), Expect: f.expect, file: f.path,
	}
	if f.generate != nil {
		nodes, links, err := f.generate.build(seed)
		if err != nil {
			return nil, Problems{{File: f.path, Line: f.generate.line, Text: err.Error()}}
		}
		s.Nodes, s.Links = nodes, links
	}
	s.Nodes = append(s.Nodes, f.nodes...)
	for _, l := range f.links {
		s.Links = append(s.Links, l.draw(seed))
	}
	for i, t := range f.pings {
		for _, drawn := range t.draw(seed, "pings "+strconv.Itoa(i), s.Nodes) {
			s.Pings = append(s.Pings, drawn.Ping)
		}
	}
	for i, t := range f.datagrams {
		s.Datagrams = append(s.Datagrams, t.draw(seed, "datagrams "+strconv.Itoa(i), s.Nodes)...)
	}
	if err := s.check(f.path); err != nil {
		return nil, err
	}
	if f.faults != nil {
		s.Draw(*f.faults)
	}
	return s, nil
}

func (l linkSpec) draw(seed uint64) Link {
	d := drawer{seed, l.from + ">" + l.to}
	v := Link{From: l.from, To: l.to, Backend: l.backend, Cost: drawCost(d.rand("cost"), l.cost), TLS: l.tls, line: l.line}
	v.Forward.Shape, v.Back.Shape = l.shape, l.shape
	for _, k := range wireKeys {
		if p, written := l.wires[k.name]; written {
			forward, back := drawPair(d, k.name, p, k.draw)
			k.set(&v.Forward, forward)
			k.set(&v.Back, back)
		}
	}
	return v
}

// draw returns the series itself, or one for each of its random pairs.
func (t trafficSpec) draw(master uint64, name string, nodes []Node) []Datagram {
	if t.pairs == 0 {
		return []Datagram{t.Datagram}
	}
	if len(nodes) < 2 {
		return nil
	}
	r := seed.Rand(master, "pairs", name)
	series := make([]Datagram, t.pairs)
	for i := range series {
		series[i] = t.Datagram
		series[i].From, series[i].To = distinct(r, nodes)
	}
	return series
}

func distinct(r *rand.Rand, nodes []Node) (from, to string) {
	i := r.IntN(len(nodes))
	k := r.IntN(len(nodes) - 1)
	if k >= i {
		k++
	}
	return nodes[i].ID, nodes[k].ID
}

// Check reports what is wrong with a scenario that was built in code, as a
// Problems.
func (s *Scenario) Check() error { return s.check("") }

func (s *Scenario) check(file string) error {
	c := checker{file: file, nodes: map[string]int{}, links: map[[2]string]int{}}
	c.nodesOf(s)
	c.linksOf(s)
	c.eventsOf(s)
	if len(c.problems) == 0 {
		return nil
	}
	sort.SliceStable(c.problems, func(i, j int) bool { return c.problems[i].Line < c.problems[j].Line })
	return c.problems
}

type checker struct {
	file     string
	problems Problems
	nodes    map[string]int    // ID to line
	links    map[[2]string]int // both orders of the ends to line
}

func (c *checker) fail(line int, format string, args ...any) {
	c.problems = append(c.problems, Problem{c.file, line, fmt.Sprintf(format, args...)})
}

func (c *checker) nodesOf(s *Scenario) {
	if len(s.Nodes) == 0 {
		c.fail(0, "there are no nodes: list them under nodes, or say how to generate them")
	}
	if len(s.Nodes) > MaxNodes {
		c.fail(0, "there are %d nodes, at most %d are possible", len(s.Nodes), MaxNodes)
	}
	for _, n := range s.Nodes {
		if err := wire.CheckNodeID(n.ID); err != nil {
			c.fail(n.line, "%v", err)
		}
		if n.Kind != "" && n.Kind != KindOurs && n.Kind != KindDeployed {
			c.fail(n.line, "node %q: kind %q is neither %s nor %s", n.ID, n.Kind, KindOurs, KindDeployed)
		}
		if line, twice := c.nodes[n.ID]; twice {
			c.fail(n.line, "node %q is there twice%s", n.ID, firstOn(line))
			continue
		}
		c.nodes[n.ID] = n.line
		if text := n.Clock.problem(); text != "" {
			c.fail(n.line, "node %q: %s", n.ID, text)
		}
		if _, err := n.Rules(); err != nil {
			c.fail(n.line, "node %q: %v", n.ID, err)
		}
		if text := n.Certificate.problem(); text != "" {
			c.fail(n.line, "node %q: %s", n.ID, text)
		}
		if n.TokenLife < 0 {
			c.fail(n.line, "node %q: token_life %v must not be negative", n.ID, n.TokenLife)
		}
		if text := n.limits(); text != "" {
			c.fail(n.line, "node %q: %s", n.ID, text)
		}
		if n.Certificate != (Certificate{}) && n.Kind == KindDeployed {
			c.fail(n.line, "node %q: the model of a deployed node shows no certificate; leave out kind or certificate", n.ID)
		}
		if len(n.Firewall) > 0 && n.Kind == KindDeployed {
			c.fail(n.line, "node %q: the model of a deployed node has no firewall; leave out kind or firewall", n.ID)
		}
	}
}

// Rules returns the rules of the node's firewall, as nodes take them.
func (n *Node) Rules() ([]firewall.Rule, error) {
	var rules []firewall.Rule
	for i, r := range n.Firewall {
		action, err := firewall.ParseAction(r.Action)
		if err != nil {
			return nil, fmt.Errorf("firewall rule %d: action is %q: want %s", i+1, r.Action, firewall.WantAction)
		}
		rules = append(rules, firewall.Rule{
			Action: action, FromNode: r.FromNode, ToNode: r.ToNode, FromService: r.FromService, ToService: r.ToService,
		})
	}
	_, err := firewall.New(rules, n.ID)
	return rules, err
}

func firstOn(line int) string {
	if line == 0 {
		return " (it is one of the generated ones)"
	}
	return fmt.Sprintf(", first on line %d", line)
}

func (c *checker) node(line int, what, id string) bool {
	if _, ok := c.nodes[id]; ok {
		return true
	}
	known := make([]string, 0, len(c.nodes))
	for k := range c.nodes {
		known = append(known, k)
	}
	sort.Strings(known)
	meant := ""
	if len(known) <= 30 {
		meant = hint(id, known)
	}
	c.fail(line, "%s: there is no node %q%s", what, id, meant)
	return false
}

func (c *checker) linksOf(s *Scenario) {
	if len(s.Links) > MaxLinks {
		c.fail(0, "there are %d links, at most %d are possible", len(s.Links), MaxLinks)
	}
	for _, l := range s.Links {
		what := "link " + l.Name()
		fromOK, toOK := c.node(l.line, what, l.From), c.node(l.line, what, l.To)
		if !fromOK || !toOK {
			continue
		}
		if l.From == l.To {
			c.fail(l.line, "%s: a node refuses a link to itself", what)
		}
		if line, twice := c.links[[2]string{l.From, l.To}]; twice {
			c.fail(l.line, "%s: the two nodes are linked already%s, and refuse a second link", what, firstOn(line))
		}
		c.links[[2]string{l.From, l.To}] = l.line
		c.links[[2]string{l.To, l.From}] = l.line
		c.wiresOf(l)
	}
}

func (c *checker) wiresOf(l Link) {
	if err := wire.CheckCost(l.Cost); err != nil {
		c.fail(l.line, "link %s: %v", l.Name(), err)
	}
	if l.Backend != TCP && l.Backend != UDP {
		c.fail(l.line, "link %s: backend %q is neither %s nor %s", l.Name(), l.Backend, TCP, UDP)
	}
	if l.TLS && l.Backend != TCP {
		c.fail(l.line, "link %s: there is no TLS over %s; leave out tls or backend", l.Name(), l.Backend)
	}
	for _, w := range []Wire{l.Forward, l.Back} {
		if text := w.problem(l.Backend); text != "" {
			c.fail(l.line, "link %s: %s", l.Name(), text)
		}
	}
}

func (c *checker) eventsOf(s *Scenario) {
	if s.For <= 0 {
		c.fail(0, "a run must last longer than %v", s.For)
	}
	if s.For > MaxFor {
		c.fail(0, "a run of %v is too long: want %v at most", s.For, MaxFor)
	}
	for _, p := range s.Pings {
		c.traffic("ping", p)
	}
	for _, g := range s.Datagrams {
		c.traffic("datagram", g.Ping)
		if g.Size < MinDatagram || g.Size > wire.MaxPayload || g.Hops < 0 || g.Hops > wire.MaxHops {
			c.fail(g.line, "datagram: size %d must be from %d to %d, and hops %d from 0 to %d",
				g.Size, MinDatagram, wire.MaxPayload, g.Hops, wire.MaxHops)
		}
	}
	for _, v := range s.Services {
		c.node(v.line, "service "+v.Name, v.Node)
		if err := checkService(v.Name); err != nil {
			c.fail(v.line, "service of %s: %v", v.Node, err)
		}
		if v.At < 0 || v.For < 0 {
			c.fail(v.line, "service %s: at %v and for %v must not be negative", v.Name, v.At, v.For)
		}
	}
	c.overlaps(s.Services)
	for _, u := range s.Units {
		c.unit(u)
	}
	c.controls(s.Units)
	for _, v := range s.Streams {
		c.stream(v)
	}
	for i := range s.Timeline {
		c.action(&s.Timeline[i])
		if s.Timeline[i].Do == Renew {
			c.renewal(s, &s.Timeline[i])
		}
	}
}

// overlaps finds services that a node would offer while it does so already.
func (c *checker) overlaps(services []Service) {
	type key struct{ node, name string }
	byName := make(map[key][]Service)
	for _, v := range services {
		k := key{v.Node, v.Name}
		for _, o := range byName[k] {
			if (o.For == 0 || v.At < o.At+o.For) && (v.For == 0 || o.At < v.At+v.For) {
				c.fail(v.line, "service %s: %s offers it at %v already", v.Name, v.Node, max(o.At, v.At))
				break
			}
		}
		byName[k] = append(byName[k], v)
	}
}

// checkService reports why a node of the simulator cannot offer a service.
func checkService(name string) error {
	s, err := wire.ParseService(name)
	switch {
	case err != nil:
		return err
	case s.Reserved() || name == simService:
		return fmt.Errorf("the name %q is taken on every node; choose another", name)
	}
	return nil
}

// simService is what the simulator itself runs on every node (check.Service).
const simService = "sim"

func (c *checker) action(a *Action) {
	if text := a.problem(); text != "" {
		c.fail(a.line, "action: %s", text)
		return
	}
	what := "action " + string(a.Do)
	if _, ok := c.links[a.Link]; !ok && actions[a.Do].link {
		c.fail(a.line, "%s: there is no link between %q and %q", what, a.Link[0], a.Link[1])
	}
	if a.Node != "" {
		c.node(a.line, what, a.Node)
	}
	if a.Via != "" {
		c.node(a.line, what+": via", a.Via)
	}
	for _, id := range a.Nodes {
		c.node(a.line, what, id)
	}
}

func (c *checker) traffic(what string, p Ping) {
	c.node(p.line, what+": from", p.From)
	c.node(p.line, what+": to", p.To)
	if p.At < 0 || p.Every < 0 || p.Count < 1 {
		c.fail(p.line, "%s: at %v and every %v must not be negative, and count %d at least 1", what, p.At, p.Every, p.Count)
	}
}
