package full

import (
	"flag"
	"fmt"
	"strings"
	"testing"
	"time"

	"receptor/sim/check"
)

var coldNodes = flag.Int("cold", 60, "so many nodes start at once, and nobody takes that for a storm")

// Deployed nodes pass a withdrawal on for ever in a loop. Among many loops it multiplies,
// without any time passing if links have no delay; it is a violation all the same, and the
// run ends.
func TestStorm(t *testing.T) {
	const mesh = `
for: 40s
nodes: [{id: A, kind: deployed}, {id: B, kind: deployed}, {id: C, kind: deployed}, {id: D, kind: deployed}]
links: [{from: A, to: B%[1]s}, {from: B, to: C%[1]s}, {from: C, to: A%[1]s}%[2]s]
workload:
  services: [{node: B, name: svc, at: 20s, for: 1s}]
`
	const more = `, {from: A, to: D%[1]s}, {from: B, to: D%[1]s}, {from: C, to: D%[1]s}`
	for name, c := range map[string]struct {
		delay, links, want string
		least              int // violations
		until              time.Duration
	}{
		"grows at once": {"", more, "a storm: more than 1440 control frames in 1s", 10, 23 * time.Second},
		"grows":         {", delay: 20ms", more, "a storm: more than 1440 control frames in 1s", 10, 23 * time.Second},
		"goes round":    {", delay: 20ms", ", {from: A, to: D%[1]s}", "although the mesh has been quiet", 1, 60 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, trace := play(t, fmt.Sprintf(mesh, c.delay, fmt.Sprintf(c.links, c.delay)), 1)
			wanted := 0
			for _, v := range r.Violations {
				if strings.Contains(v.Text, c.want) {
					wanted++
				}
				if v.Rule != check.RuleTraffic || v.AtSeconds < 21 || v.AtSeconds > c.until.Seconds() {
					t.Errorf("violation %v, want only %s, from 21 s to %v", v, check.RuleTraffic, c.until)
				}
			}
			if wanted < c.least {
				t.Errorf("violations %v, want %d at least with %q; log:\n%s", r.Violations, c.least, c.want, last(trace))
			}
		})
	}
}

// All nodes tell all others of themselves at one instant, and deployed ones again every 10 s.
func TestColdStartIsNoStorm(t *testing.T) {
	for name, text := range map[string]string{
		"ours": fmt.Sprintf("generate: {kind: random-regular, nodes: %d, degree: 4}", *coldNodes),
		"mixed": `
nodes: [a, {id: B, kind: deployed}, c, {id: D, kind: deployed}, {id: E, kind: deployed}]
links:
  - {from: a, to: B}
  - {from: B, to: c}
  - {from: c, to: D, backend: udp}
  - {from: D, to: a}
  - {from: D, to: B, backend: udp, duplicate: 0.5}
  - {from: D, to: E}
  - {from: E, to: a}
`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, _ := play(t, "for: 40s\n"+text, 1)
			if len(r.Violations) > 0 || !r.Quiet {
				t.Errorf("violations %v, quiet %v, want none and true", r.Violations, r.Quiet)
			}
		})
	}
}
