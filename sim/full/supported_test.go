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
		"deployed": {"for: 40s\nnodes: [a, {id: b, kind: deployed}]\nlinks: [{from: a, to: b}]\n", "no deployed node, which b is"},
		"services": {nodes + "links: [{from: a, to: b}]\nworkload:\n  services: [{node: a, name: control}]\n", "have a service control of their own"},
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
