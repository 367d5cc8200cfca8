package scenario

import (
	"fmt"
	"math/bits"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"gopkg.in/yaml.v3"
)

// complete has every key that a file can have, and most values.
const complete = `
name: complete
description: every key
seed: 18446744073709551615
for: 1m30s
generate: {kind: waxman, nodes: 10, alpha: 0.5, beta: 0.2, side: 500, seed: 0x10, backend: udp, cost: 1..5, delay: 1ms..2ms,
  jitter: 0..1ms, tls: false, distribution: exponential, loss: 0..0.1, burst: 2..4, duplicate: 0.1, reorder: 0.1, corrupt: 0..0.01,
  bandwidth: 1Mbit..2.5Gbit, queue: 64kB..1MB}
nodes:
  - a
  - 12
  - {id: b, kind: deployed, clock: {offset: -1h, drift: 0.001}}
  - {id: d, certificate: {from: -1h, until: 90s, node: a}, token_life: 30s, max_parallel: 2, max_output: 1000}
  - {id: c, kind: ours, firewall: [{action: drop, fromnode: a, tonode: "/b.*/", fromservice: x, toservice: y}]}
links:
  - {from: a, to: b, backend: tcp, tls: true, cost: 2.5, delay: {forward: 1ms, back: 2ms..3ms}, jitter: {forward: 1us, back: 0s},
     distribution: normal, loss: {forward: 0, back: 0.5}, burst: {forward: 0, back: 5}, corrupt: {forward: 0.1, back: 0},
     bandwidth: {forward: 0bit, back: 10 kbit}, queue: {forward: 0, back: 65536}}
  - {from: b, to: 12, backend: udp, distribution: uniform, duplicate: {forward: 0..1, back: 0}, reorder: {forward: 1, back: 0}}
workload:
  pings: [{from: a, to: b, at: 1s, every: 500ms, count: 3}, {pairs: 2}]
  datagrams: [{from: a, to: b, at: 0, every: 0s, count: 3, size: 16384, hops: 0}, {pairs: 2, size: 8}]
  services: [{node: a, name: web, at: 1s, for: 2s}]
  units: [{from: a, to: b, at: 1s, stdin: 10, stdout: 20, duration: 2s, exit: 3, cancel_at: 2s, release_at: 9s, children: 2, ignore_sigint: true, signed: true, tls: service, output: drip}, {from: b, to: a, output: burst, tls: client}, {from: b, to: a, output: steady}]
  streams: [{from: a, to: b, at: 1s, send: 10, receive: 20, idle: 2s, half_close: true, by: connect, tls: true}, {from: b, to: a, write_first: true, by: proxy}]
faults: {from: 1s, until: 20s, rate: 0.1..2, duration: 10ms..1s, kinds: [down, flap, clog, split, pause, slow, crash, wipe, power-cut, disk-full, disk-slow, disk-errors, disk-lies, duplicate, clock, forge]}
timeline:
  - {at: 1s, do: flap, link: [a, b], one_way: true, for: 1s, every: 10ms}
  - {at: 2s, do: slow, node: a, by: 1ms, for: 1s}
  - {at: 3s, do: split, nodes: [a, b], for: 1s}
  - {at: 4s, do: crash, node: a, for: 1s, epoch: old}
  - {at: 5s, do: duplicate, node: a, via: b, for: 1s}
  - {at: 5s, do: power-cut, node: a, loss: torn, for: 1s, when: {op: sync, file: status, count: 3}}
  - {at: 5s, do: disk-errors, node: a, for: 1s, probability: 0.5}
  - {at: 6s, do: renew, node: d, certificate: {from: 1s, until: 80s}}
  - {at: 6s, do: clock, node: a, offset: 1s, drift: -0.01}
expect: {converged_within: 10s, lost_pings: 1, converges: true}
`

// minimal files of generators whose keys complete cannot have beside its own.
var otherKeys = []string{
	"generate: {kind: tree, nodes: 5, degree: 3}",
	"generate: {kind: erdos-renyi, nodes: 5, probability: 0.5}",
	"generate: {kind: fat-tree, degree: 4}",
}

func TestSchemaTakesWhatTheDecoderTakes(t *testing.T) {
	t.Parallel()
	s := loadSchema(t)
	texts := map[string][]byte{"complete": []byte(complete), "everyAction": []byte(everyAction)}
	for i, text := range otherKeys {
		texts[fmt.Sprint("other keys ", i)] = []byte(text)
	}
	files, err := filepath.Glob("../../topologies/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("%d topologies, %v", len(files), err)
	}
	failures, err := filepath.Glob("../../topologies/*/*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range append(files, failures...) {
		if texts[path], err = os.ReadFile(path); err != nil {
			t.Fatal(err)
		}
	}
	for name, text := range texts {
		f, err := Parse("f", text)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if err := s.validate(t, text); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		drawn, err := f.Resolve(f.Seed())
		if err != nil {
			t.Fatal(err)
		}
		if len(drawn.Nodes) > 200 {
			continue
		}
		if err := s.validate(t, drawn.Encode("")); err != nil {
			t.Errorf("%s with nothing left to draw: %v", name, err)
		}
	}
}

var knownKeys = regexp.MustCompile(`unknown key "xyzzy" \(known: (.*)\)`)

// Each mapping of a file has the same keys in the decoder and in the schema, and
// neither takes another one.
func TestSchemaHasTheKeysOfTheDecoder(t *testing.T) {
	t.Parallel()
	s := loadSchema(t)
	seen := map[string]bool{}
	for _, text := range append(otherKeys, complete) {
		var doc yaml.Node
		if err := yaml.Unmarshal([]byte(text), &doc); err != nil {
			t.Fatal(err)
		}
		s.walk(t, doc.Content[0], s.root, func(n *yaml.Node, properties map[string]any) {
			for i := 0; i < len(n.Content); i += 2 {
				seen[n.Content[i].Value] = true
			}
			before := n.Content
			n.Content = append(slices.Clone(before), &yaml.Node{Kind: yaml.ScalarNode, Value: "xyzzy"}, &yaml.Node{Kind: yaml.ScalarNode, Value: "1"})
			more, err := yaml.Marshal(&doc)
			n.Content = before
			if err != nil {
				t.Fatal(err)
			}
			if s.validate(t, more) == nil {
				t.Errorf("line %d: the schema takes an unknown key", n.Line)
			}
			_, err = Parse("f", more)
			m := knownKeys.FindStringSubmatch(fmt.Sprint(err))
			if m == nil {
				t.Fatalf("line %d: with an unknown key, the error is %v", n.Line, err)
			}
			known := strings.Split(m[1], ", ")
			slices.Sort(known)
			if got := sortedKeys(properties); !slices.Equal(got, known) {
				t.Errorf("line %d: the schema has the keys %v, the decoder %v", n.Line, got, known)
			}
		})
	}
	for _, key := range s.allKeys(s.root) {
		if !seen[key] {
			t.Errorf("the files of this test have no key %q, so it was not looked at", key)
		}
	}
}

// Every action with every set of three keys, and those of four that have what
// every action with so many takes: both take it, or neither does.
func TestSchemaKnowsWhatActionsTake(t *testing.T) {
	t.Parallel()
	compiled, err := jsonschema.NewCompiler().Compile(schemaPath + "#/$defs/action")
	if err != nil {
		t.Fatal(err)
	}
	s := schema{compiled: compiled}
	keys := []string{
		"link: [a, b]", "one_way: true", "nodes: [a]", "node: a", "every: 1ms", "by: 1ms", "epoch: old", "via: b", "for: 1s", "offset: 1s", "drift: 0.01",
		"certificate: {from: 1s}", "loss: torn", "probability: 0.5", "when: {op: sync}",
	}
	const subject, lasting = 1<<0 | 1<<3, 1 << 8 // link or node; for
	taken := 0
	for _, do := range dos() {
		for set := range uint(1) << len(keys) {
			if n := bits.OnesCount(set); n > 4 || n == 4 && (set&lasting == 0 || set&subject == 0) {
				continue
			}
			action := "at: 1s, do: " + string(do)
			for i, k := range keys {
				if set&(1<<i) != 0 {
					action += ", " + k
				}
			}
			var a yaml.Node
			if err := yaml.Unmarshal([]byte("{"+action+"}"), &a); err != nil {
				t.Fatal(err)
			}
			d := &decoder{file: "f"}
			d.action(a.Content[0])
			schemaErr := s.validate(t, []byte("{"+action+"}"))
			if (d.err() == nil) != (schemaErr == nil) {
				t.Fatalf("%s: the decoder says %v, the schema %v", action, d.err(), schemaErr)
			}
			if schemaErr == nil {
				taken++
			}
		}
	}
	if taken < 2*len(dos()) {
		t.Errorf("only %d actions were taken", taken)
	}
}

func TestSchemaRefusesWhatTheDecoderRefuses(t *testing.T) {
	t.Parallel()
	s := loadSchema(t)
	for _, text := range []string{
		"name: x", "nodes: a", "nodes: [[a]]", "nodes: [null]", "nodes: ['']", "nodes: [{kind: ours}]", "nodes: [{id: a, kind: old}]",
		"nodes: [{id: a, clock: {drift: 1}}]", "nodes: [{id: a, clock: {offset: 1}}]", "{nodes: [a], seed: -1}", "{nodes: [a], seed: 1.5}",
		"{nodes: [a], for: 5}", "{nodes: [a], name: [x]}", "{nodes: [a], expect: {converged_within: soon}}", "{nodes: [a], expect: {lost_pings: -1}}",
		"{nodes: [a], expect: {converges: 1}}", "generate: {nodes: 5}", "generate: {kind: ring}", "generate: {kind: rnig, nodes: 5}",
		"generate: {kind: ring, nodes: 0}", "generate: {kind: ring, nodes: 100001}", "generate: {kind: erdos-renyi, nodes: 5, probability: 2}",
		"generate: {kind: waxman, nodes: 5, side: 50000}", "generate: {kind: waxman, nodes: 5, alpha: 0}",
	} {
		refusedByBoth(t, s, text)
	}
	for _, link := range []string{
		"from: a", "cost: 0", "cost: -1..2", "cost: {forward: 1, back: 2}", "delay: 5", "delay: -5ms", "delay: {forward: 1ms}", "loss: 1", "loss: x",
		"burst: 0.5", "duplicate: 1.5", "bandwidth: 10", "bandwidth: 10bps", "queue: -1", "queue: 1GiB", "distribution: gauss", "backend: ip",
	} {
		ends := "from: a, to: b, "
		if link == "from: a" {
			ends = ""
		}
		refusedByBoth(t, s, "{nodes: [a, b], links: [{"+ends+link+"}]}")
	}
	for _, work := range []string{
		"pings: [{at: 1s}]", "pings: [{from: a}]", "pings: [{from: a, to: b, pairs: 1}]", "pings: [{from: a, to: b, count: 0}]",
		"datagrams: [{pairs: 1, size: 7}]", "datagrams: [{pairs: 1, hops: 31}]", "datagrams: [{pairs: 0}]", "services: [{node: a}]", "units: [{from: a}]", "units: [{from: a, to: b, exit: 256}]", "units: [{from: a, to: b, children: 1001}]", "units: [{from: a, to: b, ignore_sigint: 2}]", "units: [{from: a, to: b, output: much}]", "streams: [{from: a}]", "streams: [{from: a, to: b, by: hand}]", "streams: [{from: a, to: b, send: -1}]", "services: [{node: a, name: muchtoolong}]",
	} {
		refusedByBoth(t, s, "{nodes: [a, b], workload: {"+work+"}}")
	}
	for _, faults := range []string{"from: x", "until: 1", "rate: 0", "rate: 2000", "duration: 1", "kinds: [settle]", "kinds: down"} {
		refusedByBoth(t, s, "{nodes: [a, b], faults: {"+faults+"}}")
	}
	for _, action := range []string{"at: 1s", "do: heal", "at: 1s, do: haul", "at: 1, do: heal", "at: 1s, do: down, link: [a]", "at: 1s, do: split, nodes: []",
		"at: 1s, do: power-cut, node: a, loss: some", "at: 1s, do: crash, node: a, when: {op: read}", "at: 1s, do: crash, node: a, when: {op: frame, file: x}",
		"at: 1s, do: crash, node: a, when: {count: 0}", "at: 1s, do: disk-errors, node: a, for: 1s, probability: 0"} {
		refusedByBoth(t, s, "{nodes: [a, b], timeline: [{"+action+"}]}")
	}
}

func refusedByBoth(t *testing.T, s schema, text string) {
	t.Helper()
	if _, err := Parse("f", []byte(text)); err == nil {
		t.Errorf("the decoder takes %s", text)
	}
	if s.validate(t, []byte(text)) == nil {
		t.Errorf("the schema takes %s", text)
	}
}

const docPath = "../../docs/topologies.md"

// The page about files has every key and every word that they can have, and its
// example is a sound one.
func TestDocumentationIsComplete(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(docPath)
	if err != nil {
		t.Fatal(err)
	}
	page := string(text)
	words := map[string]bool{}
	for _, code := range regexp.MustCompile("`([^`\n]+)`").FindAllStringSubmatch(page, -1) {
		for _, word := range regexp.MustCompile(`[\w-]+`).FindAllString(code[1], -1) {
			words[word] = true
		}
	}
	s := loadSchema(t)
	want := s.allKeys(s.root)
	for _, k := range Kinds() {
		want = append(want, string(k))
	}
	for _, do := range dos() {
		want = append(want, string(do))
	}
	files, err := filepath.Glob("../../topologies/*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range files {
		want = append(want, strings.TrimSuffix(filepath.Base(path), ".yaml"))
	}
	for _, w := range want {
		if !words[w] {
			t.Errorf("%s does not have `%s`", docPath, w)
		}
	}
	examples := regexp.MustCompile("(?s)```yaml\n(.*?)```").FindAllStringSubmatch(page, -1)
	if len(examples) == 0 {
		t.Errorf("%s has no example", docPath)
	}
	for _, example := range examples {
		if _, err := Parse(docPath, []byte(example[1])); err != nil {
			t.Error(err)
		}
		if err := s.validate(t, []byte(example[1])); err != nil {
			t.Error(err)
		}
	}
}
