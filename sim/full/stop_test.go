package full

import "testing"

// The end of a run stops also a daemon that is starting just then, or is paused.
func TestEveryDaemonIsStopped(t *testing.T) {
	for name, text := range map[string]string{
		"starting": `
for: 1s
nodes: [a]
timeline: [{at: 0s, do: crash, node: a}]
`,
		"paused": `
for: 1s
nodes: [a, b]
links: [{from: a, to: b}]
timeline: [{at: 0s, do: pause, node: a}, {at: 0s, do: settle, nodes: [b]}]
`,
	} {
		t.Run(name, func(t *testing.T) {
			if r, _ := play(t, text, 1); len(r.Violations) > 0 {
				t.Errorf("violations %v, want none", r.Violations)
			}
		})
	}
}
