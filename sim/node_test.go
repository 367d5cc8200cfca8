package sim

import (
	"testing"

	"receptor/sim/scenario"
)

// What deployed nodes are known to get wrong is not held against a mesh that has
// some; the rest is.
func TestMixedMeshWithFaults(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		action  string
		unclear bool
	}{
		"restart":                      {"{at: 5s, do: crash, node: b, for: 10s}", false},
		"restart in one second":        {"{at: 110ms, do: crash, node: b, for: 1ms}", false},
		"restart with the same epoch":  {"{at: 5s, do: crash, node: b, for: 10s, epoch: old}", true},
		"pause until all links broke":  {"{at: 5s, do: pause, node: b, for: 60s}", false},
		"two of one ID":                {"{at: 5s, do: duplicate, node: b, via: a, for: 20s}", true},
		"forgeries":                    {"{at: 5s, do: forge, node: a, every: 100ms, for: 10s}", true},
		"a link down for two minutes":  {"{at: 5s, do: down, link: [b, c], for: 120s}", false},
		"one direction down for a bit": {"{at: 5s, do: down, link: [b, c], one_way: true, for: 10s}", false},
	} {
		f := parse(t, `
for: 150s
nodes: [a, {id: b, kind: deployed}, {id: c, kind: deployed}, d]
links: [{from: a, to: b}, {from: b, to: c, delay: 20ms}, {from: c, to: d}]
timeline: [`+c.action+`]
expect: {converges: true}
`)
		for seed := range uint64(20) {
			w := worldOf(t, resolve(t, f, seed))
			w.runFor(w.scenario.For)
			w.runUntilQuiet()
			for _, v := range w.violations {
				t.Errorf("%s, seed %d: %v", name, seed, v)
			}
			if !c.unclear && !w.convergence.Quiet() && !w.conditions.Unclear || c.unclear && !w.conditions.Unclear {
				t.Errorf("%s, seed %d: quiet %v, unclear %v", name, seed, w.convergence.Quiet(), w.conditions.Unclear)
			}
		}
	}
}

func worldOf(t *testing.T, s *scenario.Scenario) *world {
	t.Helper()
	w, err := newWorld(s, s.Seed, nil)
	if err != nil {
		t.Fatal(err)
	}
	return w
}
