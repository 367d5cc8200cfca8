package full

import (
	"strings"
	"testing"

	"receptor/sim/scenario"
)

// What the engine does not do is refused, never left out in silence.
func TestUnsupported(t *testing.T) {
	const nodes, old = "for: 40s\nnodes: [a, b]\n", "for: 40s\nnodes: [a, {id: b, kind: deployed}]\n"
	for name, tt := range map[string]struct{ file, line, want string }{
		"cancel":   {old + "links: [{from: a, to: b}]\nworkload: {units: [{from: b, to: a, cancel_at: 9s}]}\n", "x.yaml:4:", "give it release_at"},
		"children": {old + "links: [{from: a, to: b}]\nworkload: {units: [{from: a, to: b, children: 1}]}\n", "x.yaml:4:", "leave out children"},
		"signed":   {old + "links: [{from: a, to: b}]\nworkload: {units: [{from: a, to: b, signed: true}]}\n", "x.yaml:4:", "leave out signed"},
		"stream":   {old + "links: [{from: a, to: b}]\nworkload: {streams: [{from: b, to: a, tls: true}]}\n", "x.yaml:4:", "leave out tls"},
		"connect":  {old + "links: [{from: a, to: b}]\nworkload: {streams: [{from: b, to: a, by: connect}]}\n", "x.yaml:4:", "leave out by"},
		"TLS":      {old + "links: [{from: a, to: b, tls: true}]\n", "x.yaml:3:", "deployed node b has no TLS"},
		"services": {nodes + "links: [{from: a, to: b}]\nworkload:\n  services: [{node: a, name: control}]\n", "x.yaml:5:", "have a service control of their own"},
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
		if err := supported(resolved); err == nil || !strings.Contains(err.Error(), tt.want) || !strings.HasPrefix(err.Error(), tt.line) {
			t.Errorf("%s: %v, want an error that begins with %s and has %q", name, err, tt.line, tt.want)
		}
	}
}
