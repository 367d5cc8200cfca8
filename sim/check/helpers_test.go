package check

import (
	"fmt"
	"iter"
	"maps"
	"strings"
	"testing"
	"time"
)

// recorder collects violations as text.
type recorder struct {
	*testing.T
	got []string
}

func (r *recorder) report(now time.Duration, node string, rule Rule, format string, args ...any) {
	v := Violation{AtSeconds: now.Seconds(), Node: node, Rule: rule, Text: fmt.Sprintf(format, args...)}
	r.got = append(r.got, v.String())
}

// want checks that exactly these violations were reported since the last call,
// each by a part of its text.
func (r *recorder) want(parts ...string) {
	r.Helper()
	ok := len(r.got) == len(parts)
	for i := 0; ok && i < len(parts); i++ {
		ok = strings.Contains(r.got[i], parts[i])
	}
	if !ok {
		r.Errorf("violations are %q, want %q", r.got, parts)
	}
	r.got = nil
}

// square is the graph
//
//	a --1-- b
//	|       |
//	4       1
//	|       |
//	d --1-- c     e, alone
func square() *Graph {
	g := NewGraph([]string{"a", "b", "c", "d", "e"})
	g.Link(0, 1, 1, time.Millisecond)
	g.Link(1, 2, 1, time.Millisecond)
	g.Link(2, 3, 1, time.Millisecond)
	g.Link(3, 0, 4, time.Millisecond)
	return g
}

// beliefs is a State that a test makes up.
type beliefs struct {
	known  map[string]map[string]float64
	routes map[string]string
	keeps  bool
	sorts  bool
}

// recorded is a Record. Records are compared, and maps cannot be.
type recorded struct{ links map[string]float64 }

func (r *recorded) Links() iter.Seq2[string, float64] { return maps.All(r.links) }

func (b beliefs) Record(node string) (Record, bool) {
	links, ok := b.known[node]
	return &recorded{links}, ok
}
func (b beliefs) Records() iter.Seq[string] { return maps.Keys(b.known) }
func (b beliefs) NextHop(node string) (string, bool) {
	via, ok := b.routes[node]
	return via, ok
}
func (b beliefs) Routes() iter.Seq[string] { return maps.Keys(b.routes) }
func (b beliefs) NeverForgets() bool       { return b.keeps }
func (b beliefs) OrdersTies() bool         { return b.sorts }

// truth is what node a of square has to believe.
func truth() beliefs {
	return beliefs{
		known: map[string]map[string]float64{
			"a": {"b": 1, "d": 4}, "b": {"a": 1, "c": 1}, "c": {"b": 1, "d": 1}, "d": {"c": 1, "a": 4},
		},
		routes: map[string]string{"b": "b", "c": "b", "d": "b"},
	}
}
