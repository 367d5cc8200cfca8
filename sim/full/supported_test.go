package full

import (
	"strings"
	"testing"

	"receptor/sim/scenario"
)

// What the engine does not do is refused, never left out in silence.
func TestUnsupported(t *testing.T) {
	const nodes = "for: 40s\nnodes: [a, b]\n"
	for name, tt := range map[string]struct{ file, want string }{
		"burst":        {nodes + "links: [{from: a, to: b, loss: 0.1, burst: 3}]\n", "no burst, queue or distribution of a wire"},
		"distribution": {nodes + "links: [{from: a, to: b, jitter: 3ms, distribution: exponential}]\n", "no burst, queue or distribution of a wire"},
		"UDP":          {nodes + "links: [{from: a, to: b, backend: udp}]\n", "no UDP-like or corrupting link"},
		"datagrams":    {nodes + "links: [{from: a, to: b}]\nworkload:\n  datagrams: [{from: a, to: b, at: 9s}]\n", "no datagrams of the workload"},
	} {
		s, err := scenario.Parse("x.yaml", []byte(tt.file))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		resolved, err := s.Resolve(1)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if err := supported(resolved); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want an error with %q", name, err, tt.want)
		}
	}
}
