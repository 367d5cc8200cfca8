package full

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"receptor/sim"
	"receptor/sim/scenario"
)

// A certificate counts by the clock of the node that is shown it: b and c have a link
// when it becomes valid, d's is valid by the clock of d alone, and a and e disagree
// about what time it is. What is up when a certificate expires stays so until it breaks.
const certificates = `
for: 330s
nodes:
  - {id: a, certificate: {until: 100s}}
  - b
  - {id: c, certificate: {from: 30s}}
  - {id: d, clock: {offset: -2h}, certificate: {from: -3h, until: -1h}}
  - {id: e, clock: {offset: 2h}}
links:
  - {from: a, to: b, delay: 5ms, tls: true}
  - {from: b, to: c, delay: 5ms, tls: true}
  - {from: c, to: d, delay: 5ms, tls: true}
  - {from: e, to: a, delay: 5ms, tls: true}
  - {from: e, to: b, delay: 5ms, tls: true}
workload:
  pings: [{from: a, to: b, at: 8s, every: 20s, count: 5}, {from: c, to: b, at: 15s, every: 60s, count: 5}]
timeline: [{at: 110s, do: down, link: [a, b], for: 10s}]
`

func TestCertificatesAndClocks(t *testing.T) {
	r, trace := play(t, certificates, 1)
	if len(r.Violations) > 0 || r.Pings != (Pings{10, 9}) || !r.Quiet {
		t.Errorf("pings %+v, violations %v, quiet %v, want all but one ping answered, none and true; log:\n%.20000s", r.Pings, r.Violations, r.Quiet, trace)
	}
	var linked []string
	for _, m := range regexp.MustCompile(`"node":"(.)","text":"INFO \S+ \S+ Connection established with (.)`).FindAllStringSubmatch(trace, -1) {
		linked = append(linked, m[1]+m[2])
	}
	slices.Sort(linked)
	if got, want := strings.Join(linked, " "), "ab ba bc be cb eb"; got != want {
		t.Errorf("links were made between %s, want %s", got, want)
	}
	short := strings.Replace(certificates, "for: 330s", "for: 20s", 1)
	r, _ = play(t, short, 1)
	if again, _ := play(t, short, 1); again.TraceHash != r.TraceHash {
		t.Errorf("the same seed gave trace hash %s, and then %s", r.TraceHash, again.TraceHash)
	}
}

// A signature is good for half a minute here, and another one beyond that: b is ahead
// by less, c by more, and d by more as the time goes on.
func TestSignaturesAndClocks(t *testing.T) {
	const file = `
for: 200s
nodes:
  - {id: a, token_life: 30s}
  - {id: b, clock: {offset: 60s}}
  - {id: c, clock: {offset: 120s}}
  - {id: d, clock: {offset: 75s, drift: 0.1}}
links: [{from: a, to: b, delay: 5ms}, {from: a, to: c, delay: 5ms}, {from: a, to: d, delay: 5ms}]
workload:
  units:
    - {from: a, to: b, at: 9s, stdout: 100, duration: 1s, signed: true}
    - {from: a, to: c, at: 9s, stdout: 100, duration: 1s, signed: true}
    - {from: c, to: a, at: 9s, stdout: 100, duration: 1s, signed: true}
    - {from: a, to: d, at: 12s, stdout: 100, duration: 1s, signed: true}
    - {from: a, to: d, at: 180s, stdout: 100, duration: 1s, signed: true}
`
	r, trace := play(t, file, 1)
	if len(r.Violations) > 0 || r.Units != (Units{5, 3, 5, 5}) || strings.Count(trace, "token is expired") == 0 {
		t.Errorf("units %+v, violations %v, want three succeeded, and two refused; log:\n%.20000s", r.Units, r.Violations, trace)
	}
	for _, e := range strings.Split(trace, "\n") {
		if strings.Contains(e, `"kind":"ran"`) && (strings.Contains(e, `"unit":2`) || strings.Contains(e, `"unit":5`)) {
			t.Errorf("a unit has run whose signature had expired: %s", e)
		}
	}
}

func TestExpires(t *testing.T) {
	late := scenario.Clock{Offset: 10 * 60e9}
	for name, c := range map[string]struct {
		clock    scenario.Clock
		timeline []scenario.Action
		all, any bool
	}{
		"right":          {scenario.Clock{}, nil, false, false},
		"ahead":          {late, nil, true, true},
		"nearly":         {scenario.Clock{Offset: 355e9}, nil, false, true},
		"behind":         {scenario.Clock{Offset: -late.Offset}, nil, false, false},
		"drifts":         {scenario.Clock{Offset: 300e9, Drift: 0.1}, nil, false, true},
		"it is set":      {late, []scenario.Action{{Do: scenario.SetClock, Node: "b"}}, false, true},
		"another is set": {late, []scenario.Action{{Do: scenario.SetClock, Node: "c"}}, true, true},
		"on its way":     {scenario.Clock{}, []scenario.Action{{Do: scenario.Clog}}, false, true},
	} {
		j := newJudge(&scenario.Scenario{Nodes: []scenario.Node{{ID: "a"}, {ID: "b", Clock: c.clock}, {ID: "c"}}, Timeline: c.timeline})
		if all, any := j.expires(scenario.Unit{From: "a", To: "b", Signed: true}, 1000e9); all != c.all || any != c.any {
			t.Errorf("%s: all %v, any %v, want %v, %v", name, all, any, c.all, c.any)
		}
		if all, any := j.expires(scenario.Unit{From: "a", To: "b"}, 1000e9); all || any {
			t.Errorf("%s: without a signature something expires", name)
		}
	}
}

// The core engine has no TLS, and does not pass over it.
func TestCoreEngineRefusesTLS(t *testing.T) {
	file, err := scenario.Parse("test", []byte(certificates))
	if err != nil {
		t.Fatal(err)
	}
	s, err := file.Resolve(1)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := sim.Run(s, 1, sim.Options{}); err == nil || !strings.Contains(err.Error(), "link a-b has TLS") {
		t.Errorf("the core engine runs it: %v, want an error with the link", err)
	}
}
