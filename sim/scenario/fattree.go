package scenario

import (
	"errors"
	"fmt"
)

// fatTree is a Clos network of switches with k ports, k even: (k/2)^2 core
// switches, and k pods of k/2 aggregation and k/2 edge switches. Each
// aggregation switch is linked to the edge switches of its pod and to k/2 core
// switches, each core switch to one switch of every pod. Hosts are spread
// evenly over the edge switches; k/2 for each, k^3/4 in all, use every port.
type fatTree struct{ k, hosts int }

func (t fatTree) half() int { return t.k / 2 }

// switches returns how many nodes are no hosts.
func (t fatTree) switches() int { return 5 * t.half() * t.half() }

func fullFatTree(k int) fatTree { return fatTree{k: k, hosts: k * k * k / 4} }

// fatTree returns the tree that Nodes and Degree ask for.
func (g *Generate) fatTree() (fatTree, error) {
	if g.Degree%2 != 0 {
		return fatTree{}, fmt.Errorf("degree %d is odd: half of a switch's ports lead up, half down", g.Degree)
	}
	if g.Nodes == 0 {
		if g.Degree == 0 {
			return fatTree{}, errors.New("say how many nodes, or of which degree the switches are")
		}
		return fullFatTree(g.Degree), nil
	}
	k := g.Degree
	if k == 0 {
		for k = 2; g.Nodes >= fullFatTree(k+2).nodes(); k += 2 {
		}
	}
	t := fatTree{k: k, hosts: g.Nodes - fatTree{k: k}.switches()}
	if t.hosts < 1 {
		return fatTree{}, fmt.Errorf("degree %d makes %d switches, which leaves no host of %d nodes", k, t.switches(), g.Nodes)
	}
	return t, nil
}

func (t fatTree) nodes() int { return t.switches() + t.hosts }

func (t fatTree) layout() (layout, error) {
	if t.nodes() > MaxNodes {
		return layout{}, fmt.Errorf("degree %d makes %d nodes, at most %d are possible", t.k, t.nodes(), MaxNodes)
	}
	if links := t.k*t.k*t.k/2 + t.hosts; links > MaxLinks {
		return layout{}, fmt.Errorf("degree %d makes %d links, at most %d are possible", t.k, links, MaxLinks)
	}
	var l layout
	half := t.half()
	for i := range half * half {
		l.ids = append(l.ids, fmt.Sprintf("core%0*d", width(half*half), i+1))
	}
	for pod := range t.k {
		t.addPod(&l, pod)
	}
	return l, nil
}

// addPod appends a pod, its switches linked upwards, then its hosts.
func (t fatTree) addPod(l *layout, pod int) {
	half := t.half()
	id := func(what string, i, of int) string {
		return fmt.Sprintf("pod%0*d-%s%0*d", width(t.k), pod+1, what, width(of), i+1)
	}
	first := len(l.ids)
	for i := range half {
		l.ids = append(l.ids, id("agg", i, half))
		for core := range half {
			l.edges = append(l.edges, edge{i*half + core, first + i})
		}
	}
	for i := range half {
		l.ids = append(l.ids, id("edge", i, half))
		for agg := range half {
			l.edges = append(l.edges, edge{first + agg, first + half + i})
		}
	}
	// Host h of all is at edge switch h modulo the number of them, so the first
	// pods have one host more for each edge switch that has one more.
	most := (t.hosts + t.k*half - 1) / (t.k * half) * half
	hosts := 0
	for i := range half {
		at := i*t.k + pod
		for h := at; h < t.hosts; h += t.k * half {
			l.edges = append(l.edges, edge{first + half + i, len(l.ids)})
			l.ids = append(l.ids, id("host", hosts, most))
			hosts++
		}
	}
}
