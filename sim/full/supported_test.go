package full

import (
	"strings"
	"testing"

	"receptor/sim/scenario"
)

// What the engine does not do is refused, never left out in silence.
func TestUnsupported(t *testing.T) {
	const nodes, old = "for: 40s\nnodes: [a, b]\n", "for: 40s\nnodes: [a, {id: b, kind: deployed}]\n"
	for name, tt := range map[string]struct{ file, want string }{
		"cancel":   {old + "links: [{from: a, to: b}]\nworkload: {units: [{from: b, to: a, cancel_at: 9s}]}\n", "give it release_at"},
		"children": {old + "links: [{from: a, to: b}]\nworkload: {units: [{from: a, to: b, children: 1}]}\n", "leave out children"},
		"signed":   {old + "links: [{from: a, to: b}]\nworkload: {units: [{from: a, to: b, signed: true}]}\n", "leave out signed"},
		"stream":   {old + "links: [{from: a, to: b}]\nworkload: {streams: [{from: b, to: a, tls: true}]}\n", "leave out tls"},
		"connect":  {old + "links: [{from: a, to: b}]\nworkload: {streams: [{from: b, to: a, by: connect}]}\n", "leave out by"},
		"TLS":      {old + "links: [{from: a, to: b, tls: true}]\n", "deployed node b has no TLS"},
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
