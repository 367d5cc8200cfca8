package scenario

import (
	"errors"
	"regexp"
	"strconv"
	"time"

	"gopkg.in/yaml.v3"

	"receptor/mesh/wire"
)

// DefaultFor is how long a run takes when its file does not say.
const DefaultFor = 60 * time.Second

// MaxFor is the longest run: ten years.
const MaxFor = 10 * 365 * 24 * time.Hour

// Bounds of what a file may ask for: far above what a run could hold, low
// enough that a mistyped number is an error rather than a machine out of memory.
const (
	MaxNodes = 100_000
	MaxLinks = 1_000_000
	maxCount = 1_000_000
)

// File is a scenario as a person wrote it, with ranges and perhaps a generator.
type File struct {
	path        string
	name        string
	description string
	seed        uint64
	duration    time.Duration
	nodes       []Node
	links       []linkSpec
	generate    *Generate
	pings       []trafficSpec
	datagrams   []trafficSpec
	services    []Service
	units       []Unit
	streams     []Stream
	timeline    []Action
	faults      *Faults
	expect      Expect
}

// linkSpec is a link with values still to draw.
type linkSpec struct {
	from, to string
	backend  Backend
	cost     Range[float64]
	tls      bool
	shape    Shape
	wires    map[string]pair // by the names of wireKeys
	line     int
}

// trafficSpec is a series of pings or datagrams: between two nodes, or between
// as many random pairs as it says.
type trafficSpec struct {
	Datagram
	pairs int
}

// Parse reads a scenario file; path names it in errors. The error is a Problems
// that holds all mistakes, also those that show only once the seed of the file
// has drawn its links.
func Parse(path string, data []byte) (*File, error) {
	f := &File{path: path, seed: 1, duration: DefaultFor, expect: Expect{LostPings: -1}}
	d := &decoder{file: path}
	var doc yaml.Node
	if err := yaml.Unmarshal(data, &doc); err != nil {
		line, text := syntaxError(err)
		d.failAt(line, "not YAML: %s", text)
		return nil, d.err()
	}
	if len(doc.Content) == 0 {
		d.failAt(0, "the file is empty: a scenario has at least nodes, or generate")
		return nil, d.err()
	}
	d.root(doc.Content[0], f)
	// What follows from broken parts would only repeat their mistakes.
	if len(d.problems) == 0 {
		if _, err := f.Resolve(f.seed); err != nil {
			return nil, err
		}
	}
	if err := d.err(); err != nil {
		return nil, err
	}
	return f, nil
}

var yamlErrorLine = regexp.MustCompile(`^yaml: (?:line (\d+): )?`)

// syntaxError splits an error of the YAML parser into line and text.
func syntaxError(err error) (int, string) {
	text := err.Error()
	m := yamlErrorLine.FindStringSubmatch(text)
	if m == nil {
		return 0, text
	}
	line, _ := strconv.Atoi(m[1]) // no line number: zero, as Problem wants it
	return line, text[len(m[0]):]
}

// Seed is the one that the file names, 1 when it names none.
func (f *File) Seed() uint64 { return f.seed }

// DrawsFaults reports whether the file lets the seed draw faults.
func (f *File) DrawsFaults() bool { return f.faults != nil }

func (d *decoder) root(n *yaml.Node, f *File) {
	d.mapping(n, "scenario",
		optional("name", scalar(d, "name", &f.name, parseText)),
		optional("description", scalar(d, "description", &f.description, parseText)),
		optional("seed", scalar(d, "seed", &f.seed, parseSeed)),
		optional("for", scalar(d, "for", &f.duration, ParseDuration)),
		optional("nodes", d.list("nodes", func(n *yaml.Node) { f.nodes = append(f.nodes, d.node(n)) })),
		optional("links", d.list("links", func(n *yaml.Node) { f.links = append(f.links, d.link(n)) })),
		optional("generate", func(n *yaml.Node) { f.generate = d.generator(n) }),
		optional("workload", func(n *yaml.Node) { d.workload(n, f) }),
		optional("faults", func(n *yaml.Node) { f.faults = d.faults(n) }),
		optional("timeline", d.list("timeline", func(n *yaml.Node) { f.timeline = append(f.timeline, d.action(n)) })),
		optional("expect", func(n *yaml.Node) { d.expect(n, &f.expect) }),
	)
}

func parseNodeID(s string) (string, error) { return s, wire.CheckNodeID(s) }

// node reads an ID, or a mapping with the key id.
func (d *decoder) node(n *yaml.Node) Node {
	v := Node{Kind: KindOurs, line: n.Line}
	if n.Kind == yaml.MappingNode {
		d.mapping(n, "node",
			required("id", scalar(d, "node id", &v.ID, parseNodeID)),
			optional("kind", scalar(d, "node: kind", &v.Kind, parseOneOf(KindOurs, KindDeployed))),
			optional("clock", func(n *yaml.Node) { d.mapping(n, "node: clock", d.clockFields(&v.Clock)...) }),
			optional("certificate", func(n *yaml.Node) { v.Certificate = d.certificate(n, "node: certificate") }),
			optional("token_life", scalar(d, "node: token_life", &v.TokenLife, parsePositiveDuration)),
			optional("max_parallel", scalar(d, "node: max_parallel", &v.MaxParallel, parseCount(1, maxPlaces))),
			optional("max_output", scalar(d, "node: max_output", &v.MaxOutput, parseCount(1, maxUnitBytes))),
			optional("firewall", d.list("node: firewall", func(n *yaml.Node) { v.Firewall = append(v.Firewall, d.rule(n)) })))
	} else {
		scalar(d, "node", &v.ID, parseNodeID)(n)
	}
	return v
}

// rule reads a rule of a firewall, with the keys of the node's configuration.
func (d *decoder) rule(n *yaml.Node) (r Rule) {
	d.mapping(n, "firewall rule",
		required("action", scalar(d, "firewall rule: action", &r.Action, parseText)),
		optional("fromnode", scalar(d, "firewall rule: fromnode", &r.FromNode, parseText)),
		optional("tonode", scalar(d, "firewall rule: tonode", &r.ToNode, parseText)),
		optional("fromservice", scalar(d, "firewall rule: fromservice", &r.FromService, parseText)),
		optional("toservice", scalar(d, "firewall rule: toservice", &r.ToService, parseText)))
	return r
}

func (d *decoder) link(n *yaml.Node) linkSpec {
	l := linkSpec{backend: TCP, cost: Fixed(1.0), line: n.Line}
	d.mapping(n, "link", append(d.wireFields(&l),
		required("from", scalar(d, "link: from", &l.from, parseText)),
		required("to", scalar(d, "link: to", &l.to, parseText)))...)
	return l
}

// wireFields are the keys that a link and a generator share.
func (d *decoder) wireFields(l *linkSpec) []field {
	l.wires = make(map[string]pair)
	fields := []field{
		optional("backend", scalar(d, "backend", &l.backend, parseOneOf(TCP, UDP))),
		optional("cost", func(n *yaml.Node) {
			if n.Kind == yaml.MappingNode {
				d.fail(n, "cost must be one value: both ends of a link must agree on it")
				return
			}
			scalar(d, "cost", &l.cost, rangeParser(ParseCost))(n)
		}),
		optional("tls", scalar(d, "tls", &l.tls, parseBool)),
		optional("distribution", scalar(d, "distribution", &l.shape, parseOneOf(Uniform, Normal, Exponential))),
	}
	for _, k := range wireKeys {
		fields = append(fields, optional(k.name, d.pairOf(k, l.wires)))
	}
	return fields
}

func rangeParser[T interface{ ~int64 | ~float64 }](parse func(string) (T, error)) func(string) (Range[T], error) {
	return func(s string) (Range[T], error) { return ParseRange(s, parse) }
}

// pairOf reads one value for both directions, or {forward: ..., back: ...}.
func (d *decoder) pairOf(k wireKey, into map[string]pair) read {
	return func(n *yaml.Node) {
		var p pair
		if n.Kind != yaml.MappingNode {
			scalar(d, k.name, &p.forward, rangeParser(k.parse))(n)
			into[k.name] = both(p.forward)
			return
		}
		d.mapping(n, k.name,
			required("forward", scalar(d, k.name+": forward", &p.forward, rangeParser(k.parse))),
			required("back", scalar(d, k.name+": back", &p.back, rangeParser(k.parse))))
		into[k.name] = p
	}
}

func (d *decoder) workload(n *yaml.Node, f *File) {
	d.mapping(n, "workload",
		optional("pings", d.list("pings", func(n *yaml.Node) {
			t := trafficSpec{Datagram: Datagram{Ping: onePing(n)}}
			d.traffic(n, "ping", &t)
			f.pings = append(f.pings, t)
		})),
		optional("datagrams", d.list("datagrams", func(n *yaml.Node) {
			t := trafficSpec{Datagram: Datagram{Ping: onePing(n), Size: MinDatagram, Hops: wire.MaxHops}}
			d.traffic(n, "datagram", &t,
				optional("size", scalar(d, "size", &t.Size, parseCount(MinDatagram, wire.MaxPayload))),
				optional("hops", scalar(d, "hops", &t.Hops, parseCount(0, wire.MaxHops))))
			f.datagrams = append(f.datagrams, t)
		})),
		optional("services", d.list("services", func(n *yaml.Node) { f.services = append(f.services, d.service(n)) })),
		optional("units", d.list("units", func(n *yaml.Node) { f.units = append(f.units, d.unit(n)) })),
		optional("streams", d.list("streams", func(n *yaml.Node) { f.streams = append(f.streams, d.stream(n)) })))
}

func (d *decoder) service(n *yaml.Node) Service {
	s := Service{line: n.Line}
	d.mapping(n, "service",
		required("node", scalar(d, "service: node", &s.Node, parseText)),
		required("name", scalar(d, "service: name", &s.Name, parseText)),
		optional("at", scalar(d, "service: at", &s.At, ParseDuration)),
		optional("for", scalar(d, "service: for", &s.For, parsePositiveDuration)))
	return s
}

// MinDatagram is the least size of a datagram of the workload: its number has
// to fit in.
const MinDatagram = 8

func onePing(n *yaml.Node) Ping { return Ping{Every: time.Second, Count: 1, line: n.Line} }

func (d *decoder) traffic(n *yaml.Node, what string, t *trafficSpec, more ...field) {
	problems := len(d.problems)
	d.mapping(n, what, append(more,
		optional("from", scalar(d, what+": from", &t.From, parseText)),
		optional("to", scalar(d, what+": to", &t.To, parseText)),
		optional("pairs", scalar(d, what+": pairs", &t.pairs, parseCount(1, maxCount))),
		optional("at", scalar(d, what+": at", &t.At, ParseDuration)),
		optional("every", scalar(d, what+": every", &t.Every, ParseDuration)),
		optional("count", scalar(d, what+": count", &t.Count, parseCount(1, maxCount))))...)
	if len(d.problems) > problems {
		return
	}
	random := t.pairs > 0
	if random != (t.From == "") || random != (t.To == "") {
		d.fail(n, "%s: say either from and to, or pairs: how many random pairs of nodes", what)
	}
}

func (d *decoder) action(n *yaml.Node) Action {
	a := Action{line: n.Line}
	problems := len(d.problems)
	d.mapping(n, "action", append(d.clockFields(&a.Clock),
		required("at", scalar(d, "action: at", &a.At, ParseDuration)),
		required("do", scalar(d, "action: do", &a.Do, parseOneOf(dos()...))),
		optional("for", scalar(d, "action: for", &a.For, parsePositiveDuration)),
		optional("link", func(n *yaml.Node) { a.Link = d.ends(n) }),
		optional("one_way", scalar(d, "action: one_way", &a.OneWay, parseBool)),
		optional("node", scalar(d, "action: node", &a.Node, parseText)),
		optional("nodes", d.list("action: nodes", func(n *yaml.Node) {
			id := ""
			scalar(d, "action: nodes", &id, parseText)(n)
			a.Nodes = append(a.Nodes, id)
		})),
		optional("every", scalar(d, "action: every", &a.Every, parsePositiveDuration)),
		optional("by", scalar(d, "action: by", &a.By, parsePositiveDuration)),
		optional("epoch", func(n *yaml.Node) {
			which := newEpoch
			scalar(d, "action: epoch", &which, parseOneOf(newEpoch, oldEpoch))(n)
			a.OldEpoch = which == oldEpoch
		}),
		optional("certificate", func(n *yaml.Node) { a.Certificate = d.certificate(n, "action: certificate") }),
		optional("via", scalar(d, "action: via", &a.Via, parseText)),
		optional("loss", scalar(d, "action: loss", &a.Loss, parseOneOf(LoseAll, Torn, Reordered))),
		optional("probability", scalar(d, "action: probability", &a.Probability, parseErrorRate)),
		optional("when", func(n *yaml.Node) { a.When = d.when(n) }))...)
	if text := a.problem(); text != "" && len(d.problems) == problems {
		d.fail(n, "action: %s", text)
	}
	return a
}

func (d *decoder) when(n *yaml.Node) When {
	w := When{Count: 1}
	d.mapping(n, "when",
		optional("op", scalar(d, "when: op", &w.Op, parseOneOf(whenOps()...))),
		optional("file", scalar(d, "when: file", &w.File, parseText)),
		optional("count", scalar(d, "when: count", &w.Count, parseCount(1, maxCount))))
	return w
}

func parseErrorRate(s string) (float64, error) {
	p, err := parseProbability(s)
	if err == nil && p == 0 {
		err = errors.New("probability 0 is no fault: want more, 1 at most")
	}
	return p, err
}

// Values of the key epoch.
const (
	newEpoch = "new"
	oldEpoch = "old"
)

func (d *decoder) clockFields(c *Clock) []field {
	return []field{
		optional("offset", scalar(d, "offset", &c.Offset, parseOffset)),
		optional("drift", scalar(d, "drift", &c.Drift, parseDrift)),
	}
}

func (d *decoder) ends(n *yaml.Node) (ends [2]string) {
	if n.Kind != yaml.SequenceNode || len(n.Content) != 2 {
		d.fail(n, "action: link must name two nodes, such as [a, b]")
		return ends
	}
	for i, c := range n.Content {
		scalar(d, "action: link", &ends[i], parseText)(resolveAlias(c))
	}
	return ends
}

func (d *decoder) expect(n *yaml.Node, e *Expect) {
	d.mapping(n, "expect",
		optional("converged_within", scalar(d, "converged_within", &e.ConvergedWithin, parsePositiveDuration)),
		optional("lost_pings", scalar(d, "lost_pings", &e.LostPings, parseCount(0, maxCount))),
		optional("converges", scalar(d, "converges", &e.Converges, parseBool)))
}

func parsePositiveDuration(s string) (time.Duration, error) {
	v, err := ParseDuration(s)
	if err == nil && v == 0 {
		err = errors.New("0 can never be reached: write a duration such as 30s")
	}
	return v, err
}
