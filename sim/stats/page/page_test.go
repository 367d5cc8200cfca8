package page

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"receptor/mesh"
	"receptor/sim"
	"receptor/sim/check"
	"receptor/sim/scenario"
	"receptor/sim/stats"
)

// parse makes a scenario of a file.
func parse(t *testing.T, text string) *scenario.Scenario {
	t.Helper()
	f, err := scenario.Parse("test.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	s, err := f.Resolve(1)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// simulate runs a scenario, for a page.
func simulate(t *testing.T, s *scenario.Scenario) Run {
	t.Helper()
	record := stats.NewRecorder(s)
	report, err := sim.Run(s, s.Seed, sim.Options{Record: record})
	if err != nil {
		t.Fatal(err)
	}
	return Run{Scenario: s, Report: report, Record: record, Version: "test", Replay: "meshsim run test.yaml"}
}

func write(t *testing.T, r Run) string {
	t.Helper()
	var b bytes.Buffer
	if err := Write(&b, r); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

var dataPattern = regexp.MustCompile(`(?s)<script type="application/json" id="run">(.*?)</script>`)

// modelOf reads the model back from a page.
func modelOf(t *testing.T, html string) *model {
	t.Helper()
	found := dataPattern.FindAllStringSubmatch(html, -1)
	if len(found) != 1 {
		t.Fatalf("the page has %d models, want one", len(found))
	}
	m := &model{}
	if err := json.Unmarshal([]byte(found[0][1]), m); err != nil {
		t.Fatal(err)
	}
	return m
}

const broken = `
name: broken
for: 40s
generate: {kind: ring, nodes: 4, delay: 5ms}
workload: {pings: [{from: n1, to: n3, every: 1s, count: 30}]}
timeline:
  - {at: 10s, link: [n1, n2], do: down}
  - {at: 25s, link: [n1, n2], do: up}
`

// stateAt returns the last row of an edge or place up to a time.
func stateAt(rows [][]int64, what int64, at time.Duration) []int64 {
	var last []int64
	for _, row := range rows {
		if row[0] <= at.Milliseconds() && row[1] == what {
			last = row[2:]
		}
	}
	return last
}

func TestModelFollowsTheRun(t *testing.T) {
	t.Parallel()
	m := modelOf(t, write(t, simulate(t, parse(t, broken))))
	if len(m.Places) != 4 || len(m.Edges) != 4 || m.Length != 40_000 || m.Groups {
		t.Fatalf("%d places, %d edges, %d ms, groups %v", len(m.Places), len(m.Edges), m.Length, m.Groups)
	}
	cut := slices.IndexFunc(m.Edges, func(e [3]int32) bool {
		return m.Places[e[0]].Name == "n1" && m.Places[e[1]].Name == "n2"
	})
	for _, c := range []struct {
		at   time.Duration
		want []int64 // up, off, clogged, down
	}{
		{5 * time.Second, []int64{1, 0, 0, 0}},
		{11 * time.Second, []int64{0, 0, 0, 1}},
		{39 * time.Second, []int64{1, 0, 0, 0}},
	} {
		if got := stateAt(m.EdgeEvents, int64(cut), c.at); !slices.Equal(got, c.want) {
			t.Errorf("the link is %v at %v, want %v", got, c.at, c.want)
		}
	}
	for place := range m.Places {
		if got, want := stateAt(m.PlaceEvents, int64(place), 5*time.Second), []int64{1, 0, 0, 0, 0, 3}; !slices.Equal(got, want) {
			t.Errorf("%s is %v after 5s, want %v", m.Places[place].Name, got, want)
		}
	}
	var causes []string
	for _, e := range m.Episodes {
		causes = append(causes, e.Cause)
	}
	if want := []string{"start", "link loss", "heal"}; !slices.Equal(causes, want) {
		t.Errorf("episodes %q, want %q", causes, want)
	}
	answered := uint64(0)
	for _, n := range m.Series[stats.SeriesAnswered] {
		answered += n
	}
	if answered == 0 {
		t.Error("no ping is counted as answered")
	}
}

// Nothing that a scenario says may become part of the page's own text.
func TestTextsOfTheScenarioAreEscaped(t *testing.T) {
	t.Parallel()
	const evil = `</script><script>alert(1)</script><img src=x onerror=alert(2)>"'{{.Title}}`
	s := parse(t, broken)
	s.Name, s.Description = evil, evil
	r := simulate(t, s)
	for i := range s.Nodes { // no node would have such an ID, but a page does not rely on that
		s.Nodes[i].ID += evil
	}
	s.Timeline[0].Link = [2]string{evil, evil}
	r.Report.Violations = []check.Violation{{AtSeconds: 3, Node: evil, Rule: check.Rule(evil), Text: evil}}
	r.Version, r.Replay = evil, evil
	html := write(t, r)
	if strings.Contains(html, "<img") || strings.Contains(html, "<script>alert") {
		t.Error("the page contains a text of the scenario as it is")
	}
	if n := strings.Count(html, "</script"); n != 2 {
		t.Errorf("%d scripts end in the page, want 2", n)
	}
	if m := modelOf(t, html); !strings.HasPrefix(m.Places[0].Name, "n1</script><script>") {
		t.Errorf("the first place is called %q", m.Places[0].Name)
	}
}

// A page that loads anything would be another page tomorrow.
func TestPageLoadsNothing(t *testing.T) {
	t.Parallel()
	html := write(t, simulate(t, parse(t, broken)))
	for _, bad := range []string{" src=", "url(", "@import", "fetch(", "XMLHttpRequest", "import(", "<link"} {
		if strings.Contains(strings.ReplaceAll(html, "url(#hatch)", ""), bad) {
			t.Errorf("the page contains %q", bad)
		}
	}
	for address := range strings.SplitSeq(html, "http") {
		if strings.HasPrefix(address, "://") && !strings.HasPrefix(address, "://www.w3.org/2000/svg") {
			t.Errorf("the page names the address http%.40s", address)
		}
	}
}

// large is a mesh of many nodes, each of which has many changes.
func large(t *testing.T, nodes int) Run {
	t.Helper()
	g := scenario.NewGenerate(scenario.RandomRegular, nodes)
	s, err := g.Scenario("large", 1)
	if err != nil {
		t.Fatal(err)
	}
	record := stats.NewRecorder(s)
	const rounds = 12
	for i := range rounds {
		for k := range s.Nodes {
			now := time.Duration(i)*time.Second + time.Duration(k)*10*time.Microsecond
			record.Event(now, k, mesh.RoutesChanged{Reachable: (nodes - 1) * (i + 1) / rounds})
			record.Control(now, 1000)
		}
		for k, l := range s.Links {
			record.Wire(time.Duration(i)*time.Second, k, stats.WireState(i%3))
			if i == 0 {
				record.Event(time.Duration(i), k%nodes, mesh.LinkUp{Peer: l.To})
			}
		}
	}
	report := sim.Report{Nodes: nodes, Links: len(s.Links), VirtualSeconds: rounds}
	for k := range 300 {
		report.Violations = append(report.Violations, check.Violation{Node: s.Nodes[k].ID, Text: strings.Repeat("long ", 1000)})
	}
	for i := range 5000 {
		report.Figures.Episodes = append(report.Figures.Episodes, check.Episode{Cause: check.CauseOther, Began: time.Duration(i)})
		s.Timeline = append(s.Timeline, scenario.Action{At: time.Second, Do: scenario.Down, Link: [2]string{strings.Repeat("x", 5000), "b"}})
	}
	return Run{Scenario: s, Report: report, Record: record}
}

func TestPageOfALargeMeshIsSmall(t *testing.T) {
	t.Parallel()
	for _, nodes := range []int{1000, 10_000} {
		html := write(t, large(t, nodes))
		if most := 5 << 20; len(html) > most {
			t.Errorf("the page of %d nodes has %d bytes, want %d at most", nodes, len(html), most)
		}
		m := modelOf(t, html)
		total := 0
		for _, p := range m.Places {
			total += p.Size
		}
		if total != nodes || len(m.Places) > maxNodes || len(m.Edges) > maxLinks || m.Groups != (nodes > maxNodes) {
			t.Errorf("%d nodes: %d places of %d nodes, %d edges, groups %v", nodes, len(m.Places), total, len(m.Edges), m.Groups)
		}
		if len(m.PlaceEvents) > maxEvents || len(m.EdgeEvents) > maxEvents {
			t.Errorf("%d nodes: %d events of places, %d of edges", nodes, len(m.PlaceEvents), len(m.EdgeEvents))
		}
		for place, p := range m.Places {
			last := stateAt(m.PlaceEvents, int64(place), time.Hour)
			if want := []int64{int64(p.Size), 0, 0, 0, 0, int64(nodes - 1)}; !slices.Equal(last, want) {
				t.Fatalf("%d nodes: place %d ends as %v, want %v", nodes, place, last, want)
			}
		}
	}
}

func TestEmptyMesh(t *testing.T) {
	t.Parallel()
	s := &scenario.Scenario{}
	html := write(t, Run{Scenario: s, Record: stats.NewRecorder(s)})
	if m := modelOf(t, html); len(m.Places) != 0 || m.Places == nil || m.Edges == nil {
		t.Errorf("the model is %s", fmt.Sprint(m))
	}
}

// A node that is killed, or paused, is shown so until it is back, and its links
// are not established meanwhile.
func TestModelFollowsNodesThatGo(t *testing.T) {
	t.Parallel()
	m := modelOf(t, write(t, simulate(t, parse(t, `
name: gone
for: 60s
nodes: [a, b]
links: [{from: a, to: b, delay: 5ms}]
timeline:
  - {at: 10s, do: crash, node: b, for: 5s}
  - {at: 30s, do: restart, node: b}
  - {at: 40s, do: pause, node: a, for: 2s}
  - {at: 50s, do: clog, link: [a, b], for: 2s}
`))))
	for _, c := range []struct {
		at      time.Duration
		a, b    []int64 // all, some, none, paused, down; least reached
		linkIs  int
		comment string
	}{
		{5 * time.Second, []int64{1, 0, 0, 0, 0, 1}, []int64{1, 0, 0, 0, 0, 1}, linkUp, "at first"},
		{11 * time.Second, []int64{0, 0, 1, 0, 0, 0}, []int64{0, 0, 0, 0, 1, 0}, linkOff, "after the crash"},
		{25 * time.Second, []int64{1, 0, 0, 0, 0, 1}, []int64{1, 0, 0, 0, 0, 1}, linkUp, "when it is back"},
		{39 * time.Second, []int64{1, 0, 0, 0, 0, 1}, []int64{1, 0, 0, 0, 0, 1}, linkUp, "after a restart in no time"},
		{41 * time.Second, []int64{0, 0, 0, 1, 0, 1}, []int64{1, 0, 0, 0, 0, 1}, linkUp, "paused"},
		{51 * time.Second, []int64{1, 0, 0, 0, 0, 1}, []int64{1, 0, 0, 0, 0, 1}, linkClogged, "clogged"},
		{59 * time.Second, []int64{1, 0, 0, 0, 0, 1}, []int64{1, 0, 0, 0, 0, 1}, linkUp, "at last"},
	} {
		a, b, link := stateAt(m.PlaceEvents, 0, c.at), stateAt(m.PlaceEvents, 1, c.at), stateAt(m.EdgeEvents, 0, c.at)
		if !slices.Equal(a, c.a) || !slices.Equal(b, c.b) || link[c.linkIs] != 1 {
			t.Errorf("%s, at %v, a is %v, b %v, the link %v; want %v, %v, state %d", c.comment, c.at, a, b, link, c.a, c.b, c.linkIs)
		}
	}
	var causes []string
	for _, e := range m.Episodes {
		causes = append(causes, e.Cause)
	}
	if want := []string{"start", "node loss", "heal", "heal", "node loss", "heal", "link loss", "heal"}; !slices.Equal(causes, want) {
		t.Errorf("episodes %q, want %q", causes, want)
	}
}

// Of many nodes of the same group, each must count.
func TestReplayOfAGroup(t *testing.T) {
	t.Parallel()
	s := &scenario.Scenario{Nodes: []scenario.Node{{ID: "a"}, {ID: "b"}, {ID: "c"}}}
	r := stats.NewRecorder(s)
	r.Event(time.Second, 0, mesh.RoutesChanged{Reachable: 2})
	r.Event(time.Second, 1, mesh.RoutesChanged{Reachable: 1})
	r.Event(2*time.Second, 2, mesh.RoutesChanged{Reachable: 2})
	r.Node(3*time.Second, 2, stats.NodeDown)
	d := &drawing{members: [][]int32{{0, 1, 2}}, placeOf: []int32{0, 0, 0}, grouped: true}
	changes, grain := r.Changes()
	places, _ := replay(d, 3, changes, grain)
	want := [][]int64{
		{1000, 0, 1, 1, 1, 0, 0, 0}, // a time, the place, then as in PlaceEvents
		{2000, 0, 2, 1, 0, 0, 0, 1},
		{3000, 0, 1, 1, 0, 0, 1, 0},
	}
	if !slices.EqualFunc(places, want, slices.Equal[[]int64]) {
		t.Errorf("the group is %v, want %v", places, want)
	}
}
