package scenario

import (
	"bytes"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"gopkg.in/yaml.v3"
)

// fewNodes fit on one line of a file.
const fewNodes = 12

// Encode writes the scenario as a file in which nothing is left to draw; a run
// of it equals a run of the scenario. comment, which may be empty, goes on top.
func (s *Scenario) Encode(comment string) []byte {
	doc := block()
	doc.text("name", s.Name)
	doc.text("description", s.Description)
	doc.plain("seed", strconv.FormatUint(s.Seed, 10))
	doc.duration("for", s.For)
	doc.add("nodes", s.encodeNodes())
	doc.add("links", listOf(s.Links, Link.encode))
	work := block()
	work.add("pings", listOf(s.Pings, func(p Ping) *yaml.Node { return p.encode().node }))
	work.add("datagrams", listOf(s.Datagrams, Datagram.encode))
	work.add("services", listOf(s.Services, Service.encode))
	work.add("units", listOf(s.Units, Unit.encode))
	work.add("streams", listOf(s.Streams, Stream.encode))
	doc.add("workload", work.node)
	doc.add("timeline", listOf(s.Timeline, Action.encode))
	doc.add("expect", s.Expect.encode())
	return doc.write(comment)
}

// piece is how many items of a list the emitter of YAML is given at once. It
// keeps all of a document in memory, many times as large as the text.
const piece = 50

// write returns the text of a mapping, with a comment on top.
func (m mapping) write(comment string) []byte {
	var out bytes.Buffer
	if comment != "" {
		out.WriteString("# " + strings.ReplaceAll(comment, "\n", "\n# ") + "\n")
	}
	for i := 0; i < len(m.node.Content); i += 2 {
		key, value := m.node.Content[i], m.node.Content[i+1]
		if value.Kind != yaml.SequenceNode || len(value.Content) <= piece {
			out.Write(emit(key, value))
			continue
		}
		for n, items := range slices.Collect(slices.Chunk(value.Content, piece)) {
			text := emit(key, &yaml.Node{Kind: yaml.SequenceNode, Content: items})
			if n > 0 {
				text = text[bytes.IndexByte(text, '\n')+1:] // the key is there already
			}
			out.Write(text)
		}
	}
	return out.Bytes()
}

// emit returns the text of one key with its value.
func emit(key, value *yaml.Node) []byte {
	var out bytes.Buffer
	enc := yaml.NewEncoder(&out)
	enc.SetIndent(2)
	if err := enc.Encode(&yaml.Node{Kind: yaml.MappingNode, Content: []*yaml.Node{key, value}}); err != nil {
		panic(fmt.Sprintf("scenario: encode a tree of scalars: %v", err))
	}
	return out.Bytes()
}

func (s *Scenario) encodeNodes() *yaml.Node {
	list := listOf(s.Nodes, Node.encode)
	if list != nil && len(s.Nodes) <= fewNodes {
		list.Style = yaml.FlowStyle
	}
	return list
}

func (n Node) encode() *yaml.Node {
	m := flow()
	m.text("id", n.ID)
	if n.Kind == KindDeployed {
		m.text("kind", string(n.Kind))
	}
	if n.Clock != (Clock{}) {
		clock := flow()
		clock.clock(n.Clock)
		m.add("clock", clock.node)
	}
	m.add("firewall", listOf(n.Firewall, Rule.encode))
	m.add("certificate", n.Certificate.encode())
	m.positive("token_life", n.TokenLife)
	m.count("max_parallel", n.MaxParallel)
	m.count("max_output", n.MaxOutput)
	if len(m.node.Content) == 2 { // the ID is all there is to say
		return textNode(n.ID)
	}
	return m.node
}

func (r Rule) encode() *yaml.Node {
	m := flow()
	m.text("action", r.Action)
	m.text("fromnode", r.FromNode)
	m.text("tonode", r.ToNode)
	m.text("fromservice", r.FromService)
	m.text("toservice", r.ToService)
	return m.node
}

func (l Link) encode() *yaml.Node {
	m := flow()
	m.text("from", l.From)
	m.text("to", l.To)
	if l.Backend != TCP {
		m.text("backend", string(l.Backend))
	}
	m.plain("cost", formatFloat(l.Cost))
	if l.TLS {
		m.plain("tls", "true")
	}
	m.text("distribution", string(l.Forward.Shape))
	for _, k := range wireKeys {
		m.both(k, k.get(&l.Forward), k.get(&l.Back))
	}
	return m.node
}

func (p Ping) encode() mapping {
	m := flow()
	m.text("from", p.From)
	m.text("to", p.To)
	m.duration("at", p.At)
	m.duration("every", p.Every)
	m.plain("count", strconv.Itoa(p.Count))
	return m
}

func (g Datagram) encode() *yaml.Node {
	m := g.Ping.encode()
	m.plain("size", strconv.Itoa(g.Size))
	m.plain("hops", strconv.Itoa(g.Hops))
	return m.node
}

func (s Service) encode() *yaml.Node {
	m := flow()
	m.text("node", s.Node)
	m.text("name", s.Name)
	m.duration("at", s.At)
	m.positive("for", s.For)
	return m.node
}

func (a Action) encode() *yaml.Node {
	m := flow()
	m.duration("at", a.At)
	m.text("do", string(a.Do))
	if a.Link != [2]string{} {
		m.add("link", names(a.Link[:]))
	}
	if a.OneWay {
		m.plain("one_way", "true")
	}
	m.text("node", a.Node)
	m.add("nodes", names(a.Nodes))
	m.text("via", a.Via)
	m.positive("for", a.For)
	m.positive("every", a.Every)
	m.positive("by", a.By)
	if a.OldEpoch {
		m.text("epoch", oldEpoch)
	}
	m.clock(a.Clock)
	m.add("certificate", a.Certificate.encode())
	m.text("loss", string(a.Loss))
	if a.Probability != 0 {
		m.plain("probability", formatFloat(a.Probability))
	}
	m.add("when", a.When.encode())
	return m.node
}

func (w When) encode() *yaml.Node {
	m := flow()
	m.text("op", w.Op)
	m.text("file", w.File)
	if w.Count > 0 {
		m.plain("count", strconv.Itoa(w.Count))
	}
	return m.node
}

// String returns the action as files have it.
func (a Action) String() string {
	text, err := yaml.Marshal(a.encode())
	if err != nil {
		panic(fmt.Sprintf("scenario: encode a tree of scalars: %v", err))
	}
	return strings.TrimSpace(string(text))
}

func (e Expect) encode() *yaml.Node {
	m := block()
	if e.ConvergedWithin > 0 {
		m.duration("converged_within", e.ConvergedWithin)
	}
	if e.LostPings >= 0 {
		m.plain("lost_pings", strconv.Itoa(e.LostPings))
	}
	if e.Converges {
		m.plain("converges", "true")
	}
	return m.node
}

func formatFloat(v float64) string { return strconv.FormatFloat(v, 'g', -1, 64) }

// mapping is a YAML mapping under construction, its keys in the order in which
// they were added.
type mapping struct{ node *yaml.Node }

func block() mapping { return mapping{&yaml.Node{Kind: yaml.MappingNode}} }
func flow() mapping  { return mapping{&yaml.Node{Kind: yaml.MappingNode, Style: yaml.FlowStyle}} }

// add leaves out nil and empty collections.
func (m mapping) add(key string, value *yaml.Node) {
	if value == nil || value.Kind != yaml.ScalarNode && len(value.Content) == 0 {
		return
	}
	m.node.Content = append(m.node.Content, textNode(key), value)
}

// text leaves out the empty string.
func (m mapping) text(key, value string) {
	if value != "" {
		m.add(key, textNode(value))
	}
}

func (m mapping) plain(key, value string) {
	m.add(key, &yaml.Node{Kind: yaml.ScalarNode, Value: value})
}

func (m mapping) duration(key string, d time.Duration) { m.plain(key, d.String()) }

// positive leaves out zero.
func (m mapping) positive(key string, d time.Duration) {
	if d != 0 {
		m.duration(key, d)
	}
}

// count leaves out zero.
func (m mapping) count(key string, n int) {
	if n != 0 {
		m.plain(key, strconv.Itoa(n))
	}
}

func (m mapping) clock(c Clock) {
	m.positive("offset", c.Offset)
	if c.Drift != 0 {
		m.plain("drift", formatFloat(c.Drift))
	}
}

// tls leaves out none.
func (m mapping) tls(t TLS) {
	if t == BothTLS {
		m.plain("tls", "true")
		return
	}
	m.text("tls", string(t))
}

// both writes one value when the directions are equal, and nothing when they
// are what a file means by silence.
func (m mapping) both(k wireKey, forward, back float64) {
	switch {
	case forward == silent && back == silent:
	case forward == back:
		m.plain(k.name, k.write(forward))
	default:
		directions := flow()
		directions.plain("forward", k.write(forward))
		directions.plain("back", k.write(back))
		m.add(k.name, directions.node)
	}
}

// names is a list on one line, nil for none.
func names(ids []string) *yaml.Node {
	list := listOf(ids, textNode)
	if list != nil {
		list.Style = yaml.FlowStyle
	}
	return list
}

// textNode is a string, quoted where it would read as something else.
func textNode(s string) *yaml.Node {
	n := new(yaml.Node)
	n.SetString(s)
	return n
}

// listOf returns nil for an empty list.
func listOf[T any](items []T, encode func(T) *yaml.Node) *yaml.Node {
	if len(items) == 0 {
		return nil
	}
	list := &yaml.Node{Kind: yaml.SequenceNode}
	for _, item := range items {
		list.Content = append(list.Content, encode(item))
	}
	return list
}
