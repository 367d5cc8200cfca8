package scenario

import (
	"errors"
	"regexp"
	"strings"
	"testing"
	"time"
)

var mistakes = []struct {
	name, text string
	want       []string // beginnings of the problems
}{
	{"nothing", "", []string{"f.yaml: the file is empty"}},
	{"no YAML", "nodes: [a]\nname: 'x", []string{"f.yaml:2: not YAML: found unexpected end of stream"}},
	{"no mapping", "- a", []string{`f.yaml:1: scenario must be a mapping of keys to values, not a list`}},
	{"no nodes", "name: x", []string{"f.yaml: there are no nodes"}},
	{"unknown keys", "nodes: [a, b]\nlink: []\nlinks:\n  - {from: a, to: b, dealy: 5ms}\nxyzzy: 1", []string{
		`f.yaml:2: scenario: unknown key "link" (did you mean "links"?)`,
		`f.yaml:4: link: unknown key "dealy" (did you mean "delay"?)`,
		`f.yaml:5: scenario: unknown key "xyzzy" (known: name, description, seed, for, nodes,`,
	}},
	{"key twice", "nodes: [a]\nnodes: [b]", []string{`f.yaml:2: scenario: key "nodes" is there twice, first on line 1`}},
	{"missing keys", "nodes: [a, {}]\nlinks:\n  - {from: a}\ntimeline:\n  - {at: 1s}", []string{
		`f.yaml:1: node: key "id" is missing`, `f.yaml:3: link: key "to" is missing`,
		`f.yaml:5: action: key "do" is missing`,
	}},
	{"wrong kinds of values", "name: [x]\nnodes: a\nlinks: {a: b}\nworkload: []\nexpect:\n", []string{
		`f.yaml:1: name must be a single value, not a list`, `f.yaml:2: nodes must be a list, not "a"`,
		`f.yaml:3: links must be a list, not a mapping`, `f.yaml:4: workload must be a mapping of keys to values, not a list`,
		`f.yaml:5: expect must be a mapping of keys to values, not nothing`,
	}},
	{"values of links", "nodes: [a, b]\nlinks:\n  - {from: a, to: b, cost: 0}\n  - {from: a, to: b, delay: 5}\n" +
		"  - {from: a, to: b, delay: -5ms}\n  - {from: a, to: b, loss: 1}\n  - {from: a, to: b, backend: upd}\n" +
		"  - {from: a, to: b, cost: {forward: 1, back: 2}}\n  - {from: a, to: b, jitter: 9ms..1ms}\n" +
		"  - {from: a, to: b, delay: {forward: 5ms}}\n  - {from: a, to: b, cost: .nan}\n  - {from: a, to: b, loss: {forward: x, back: 0}}", []string{
		`f.yaml:3: cost: "0" is not a cost: a positive number`, `f.yaml:4: delay: 5 has no unit: write 5ms or 5s`,
		`f.yaml:5: delay: -5ms is negative`, `f.yaml:6: loss: "1" is not a loss: a number from 0 to below 1`,
		`f.yaml:7: backend: "upd" is unknown (did you mean "udp"?)`, `f.yaml:8: cost must be one value: both ends of a link must agree`,
		`f.yaml:9: jitter: range 9ms..1ms is upside down`, `f.yaml:10: delay: key "back" is missing`,
		`f.yaml:11: cost: ".nan" is not a cost`, `f.yaml:12: loss: forward: "x" is not a loss`,
	}},
	{"links that cannot be", "nodes: [alpha, b, {id: b}]\nlinks:\n  - {from: alpha, to: alpa}\n  - {from: alpha, to: alpha}\n" +
		"  - {from: alpha, to: b}\n  - {from: b, to: alpha}\ntimeline:\n  - {at: 1s, link: [b, x], do: down}", []string{
		`f.yaml:1: node "b" is there twice, first on line 1`, `f.yaml:3: link alpha-alpa: there is no node "alpa" (did you mean "alpha"?)`,
		`f.yaml:4: link alpha-alpha: a node refuses a link to itself`,
		`f.yaml:6: link b-alpha: the two nodes are linked already, first on line 5`,
		`f.yaml:8: action down: there is no link between "b" and "x"`,
	}},
	{"kinds of nodes", "nodes:\n  - {id: a, kind: deployd}\n  - {id: b, kind: [ours]}", []string{
		`f.yaml:2: node: kind: "deployd" is unknown (did you mean "deployed"?)`, `f.yaml:3: node: kind must be a single value, not a list`,
	}},
	{"TLS", "nodes:\n  - {id: a, certificate: {from: 2s, until: 1s}}\n  - {id: b, certificate: {from: 0s, until: 0s}}\n  - {id: c, certificate: {name: x}}\n" +
		"workload:\n  streams:\n    - {from: a, to: b, tls: mutual}\n    - {from: a, to: b, tsl: true}", []string{
		`f.yaml:3: certificate: it is valid from 0s until 0s, which is never`, `f.yaml:4: node: certificate: unknown key "name" (known: node, from, until)`,
		`f.yaml:7: stream: tls: "mutual" is none of true, false, client and service`, `f.yaml:8: stream: unknown key "tsl" (did you mean "tls"?)`,
	}},
	{"TLS that cannot be", "nodes:\n  - {id: a, certificate: {from: 2s, until: 1s}}\n  - {id: b, kind: deployed, certificate: {node: c}}\n  - c\n" +
		"workload:\n  units:\n    - {from: a, to: c, tls: true}\n    - {from: b, to: c, tls: service}\n    - {from: b, to: c, tls: client}", []string{
		`f.yaml:2: node "a": certificate: it is valid until 1s, which is not later than from 2s`,
		`f.yaml:3: node "b": the model of a deployed node shows no certificate; leave out kind or certificate`,
		`f.yaml:9: unit: the control service of "c" has TLS for that on line 7, and none for that on line 9: want all units to that node`,
	}},
	{"renewals", "nodes:\n  - {id: a, certificate: {node: b}}\n  - b\n  - {id: c, kind: deployed}\nlinks: [{from: a, to: b, tls: true}]\ntimeline:\n" +
		"  - {at: 1s, do: renew, node: a, certificate: {node: b}}\n  - {at: 1s, do: renew, node: c}", []string{
		`f.yaml:7: action renew: a certificate that is renewed names the node that the one before names: leave out node: b`,
		`f.yaml:8: action renew: the model of the deployed node "c" shows no certificate; give it another node`,
	}},
	{"limits", "nodes:\n  - {id: a, max_output: 0}\n  - {id: b, max_parallel: 1001}", []string{
		`f.yaml:2: node: max_output: "0" is not a whole number from 1 to 67108864`, `f.yaml:3: node: max_parallel: "1001" is not a whole number from 1 to 1000`,
	}},
	{"limits of what does no work", "nodes:\n  - a\n  - {id: b, kind: deployed, max_output: 5}", []string{
		`f.yaml:3: node "b": the model of a deployed node does no work; leave out kind, or max_parallel and max_output`,
	}},
	{"actions", "nodes: [a, b]\nlinks: [{from: a, to: b}]\ntimeline:\n  - {at: 1s, link: [a], do: down}\n  - {at: 1s, link: [a, b], do: dwon}", []string{
		`f.yaml:4: action: link must name two nodes, such as [a, b]`, `f.yaml:5: action: do: "dwon" is unknown (did you mean "down"?)`,
	}},
	{"traffic", "nodes: [a, b]\nworkload:\n  pings:\n    - {at: 1s}\n    - {from: a}\n    - {pairs: 1, from: a}\n" +
		"    - {from: a, to: b, count: 0}\n  datagrams:\n    - {from: a, to: b, size: 3}\n    - {from: a, to: b, hops: 31}", []string{
		`f.yaml:4: ping: say either from and to, or pairs`, `f.yaml:5: ping: say either`, `f.yaml:6: ping: say either`,
		`f.yaml:7: ping: count: "0" is not a whole number from 1 to`, `f.yaml:9: size: "3" is not a whole number from 8 to 16384`,
		`f.yaml:10: hops: "31" is not a whole number from 0 to 30`,
	}},
	{"traffic of nobody", "nodes: [a]\nworkload:\n  pings:\n    - {from: a, to: b}\n  datagrams:\n    - {from: c, to: a}", []string{
		`f.yaml:4: ping: to: there is no node "b"`, `f.yaml:6: datagram: from: there is no node "c"`,
	}},
	{"generators", "generate: {kind: rnig, nodes: 0}", []string{
		`f.yaml:1: kind: "rnig" is unknown (did you mean "ring"?)`, `f.yaml:1: nodes: "0" is not a whole number from 1`,
	}},
	{"a generator that cannot", "name: x\ngenerate:\n  kind: random-regular\n  nodes: 5\n  degree: 3", []string{
		`f.yaml:3: generate random-regular: 5 nodes of degree 3 have an odd number of ends`,
	}},
	{"beside a generator", "generate: {kind: line, nodes: 2}\nnodes: [n1]\nlinks: [{from: n1, to: n2}]", []string{
		`f.yaml:2: node "n1" is there twice (it is one of the generated ones)`,
		`f.yaml:3: link n1-n2: the two nodes are linked already (it is one of the generated ones)`,
	}},
	{"expectations", "nodes: [a]\nfor: 0s\nexpect: {converged_within: 0s, lost_pings: -1}\nseed: -1", []string{
		`f.yaml:3: converged_within: 0 can never be reached`, `f.yaml:3: lost_pings: "-1" is not a whole number from 0`,
		`f.yaml:4: seed: "-1" is not a seed`,
	}},
	{"no time", "nodes: [a]\nfor: 0s", []string{`f.yaml: a run must last longer than 0s`}},
}

// Each bad file must be refused with all of its mistakes, each on its line, in
// the order of the lines.
func TestMistakesAreNamed(t *testing.T) {
	t.Parallel()
	for _, c := range mistakes {
		_, err := Parse("f.yaml", []byte(c.text))
		var problems Problems
		if !errors.As(err, &problems) {
			t.Errorf("%s: error is %v, want a list of problems", c.name, err)
			continue
		}
		got := strings.Split(err.Error(), "\n")
		ok := len(got) == len(c.want)
		for i := 0; ok && i < len(got); i++ {
			ok = strings.HasPrefix(got[i], c.want[i])
		}
		if !ok {
			t.Errorf("%s: problems are\n  %s\nwant\n  %s", c.name, strings.Join(got, "\n  "), strings.Join(c.want, "\n  "))
		}
	}
}

func TestFileSaysWhatItSays(t *testing.T) {
	t.Parallel()
	f, err := Parse("f.yaml", []byte(`
name: n
description: d
seed: 5
for: 2m
nodes: [a, {id: b}, c]
wires: &slow {forward: 5ms, back: 7ms}
`))
	if f != nil || err == nil {
		t.Fatal("an unknown key was taken")
	}
	f, err = Parse("f.yaml", []byte(`
name: n
description: d
seed: 5
for: 2m
nodes: [a, {id: b}, c]
links:
  - {from: a, to: b, backend: udp, cost: 2.5, delay: &slow {forward: 5ms, back: 7ms}, jitter: 1ms, loss: {forward: 0, back: 0.25}}
  - {from: c, to: b, delay: *slow}
workload:
  pings: [{from: a, to: c, at: 3s, every: 4s, count: 5}]
  datagrams: [{from: c, to: a, size: 100, hops: 2}]
timeline: [{at: 6s, link: [b, a], do: down}]
expect: {converged_within: 7s, lost_pings: 0}
`))
	if err != nil {
		t.Fatal(err)
	}
	if f.Seed() != 5 {
		t.Errorf("seed is %d, want 5", f.Seed())
	}
	s, err := f.Resolve(9)
	if err != nil {
		t.Fatal(err)
	}
	if s.Name != "n" || s.Description != "d" || s.Seed != 9 || s.For != 2*time.Minute || len(s.Nodes) != 3 || s.Nodes[1].ID != "b" {
		t.Errorf("read %+v", s)
	}
	l := s.Links[0]
	l.line = 0
	const ms = time.Millisecond
	want := Link{From: "a", To: "b", Backend: UDP, Cost: 2.5, Forward: Wire{Delay: 5 * ms, Jitter: ms, Loss: 0}, Back: Wire{Delay: 7 * ms, Jitter: ms, Loss: 0.25}}
	if l != want {
		t.Errorf("link is %+v, want %+v", l, want)
	}
	if l := s.Links[1]; l.Backend != TCP || l.Cost != 1 || l.Forward.Delay != 5*ms || l.Back.Delay != 7*ms {
		t.Errorf("link with defaults and an alias is %+v", l)
	}
	if p := s.Pings[0]; p.From != "a" || p.To != "c" || p.At != 3*time.Second || p.Every != 4*time.Second || p.Count != 5 {
		t.Errorf("ping is %+v", p)
	}
	if d := s.Datagrams[0]; d.Size != 100 || d.Hops != 2 || d.Every != time.Second || d.Count != 1 {
		t.Errorf("datagram is %+v", d)
	}
	if a := s.Timeline[0]; a.At != 6*time.Second || a.Link != [2]string{"b", "a"} || a.Do != Down {
		t.Errorf("action is %+v", a)
	}
	if s.Expect != (Expect{ConvergedWithin: 7 * time.Second, LostPings: 0}) {
		t.Errorf("expectation is %+v", s.Expect)
	}
}

var manyDigits = regexp.MustCompile(`[0-9][0-9_]{3}`)

// FuzzParse: no text makes the parser fail otherwise than with problems, and
// what it takes can be written and read again.
func FuzzParse(f *testing.F) {
	f.Add("nodes: [a, b]\nlinks: [{from: a, to: b, delay: 1ms..2ms, loss: {forward: 0.1, back: 0}}]")
	f.Add("generate: {kind: ring, nodes: 5, seed: 3, cost: 1..2}\nworkload: {pings: [{pairs: 3}]}")
	f.Add("nodes: &a [x, *a]")
	f.Add("a: &a {b: *a}")
	f.Add("nodes: ['null', '', \"\\x00\", 0x10, ~]")
	f.Fuzz(func(t *testing.T, text string) {
		if manyDigits.MatchString(text) {
			return // a large mesh is no mistake, but takes long
		}
		file, err := Parse("f.yaml", []byte(text))
		if err != nil {
			var problems Problems
			if !errors.As(err, &problems) || len(problems) == 0 {
				t.Fatalf("error without problems: %v", err)
			}
			return
		}
		s, err := file.Resolve(file.Seed())
		if err != nil {
			t.Fatalf("Parse took it, Resolve does not: %v", err)
		}
		again, err := Parse("again.yaml", s.Encode(""))
		if err != nil {
			t.Fatalf("what was written cannot be read: %v\n%s", err, s.Encode(""))
		}
		same, err := again.Resolve(again.Seed())
		if err != nil || string(same.Encode("")) != string(s.Encode("")) {
			t.Fatalf("written and read again it differs (%v):\n%s\n%s", err, s.Encode(""), same.Encode(""))
		}
	})
}
