package full

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"receptor/sim/eventlog"
	"receptor/sim/scenario"
)

// Streams and units over TLS go by the clocks of those who look at certificates: that
// of b becomes valid, that of c expires, that of d is for another node; and e has TLS
// at one end alone.
const trust = `
for: 90s
nodes:
  - a
  - {id: b, certificate: {from: 30s}}
  - {id: c, certificate: {until: 60s}}
  - {id: d, certificate: {node: b}}
  - e
links: [{from: a, to: b, delay: 5ms}, {from: a, to: c, delay: 5ms}, {from: a, to: d, delay: 5ms}, {from: a, to: e, delay: 5ms}]
workload:
  streams:
    - {from: a, to: b, at: 10s, send: 1000, receive: 2000, tls: true}
    - {from: b, to: a, at: 10s, send: 1000, receive: 2000, tls: true}
    - {from: a, to: b, at: 40s, send: 100000, receive: 200000, tls: true}
    - {from: b, to: a, at: 40s, send: 1000, receive: 2000, tls: true, by: connect}
    - {from: a, to: c, at: 20s, send: 1000, receive: 2000, tls: true, idle: 50s}
    - {from: a, to: c, at: 70s, tls: true}
    - {from: c, to: a, at: 70s, receive: 10, tls: true, by: connect}
    - {from: a, to: d, at: 20s, send: 10, tls: true}
    - {from: d, to: a, at: 20s, send: 10, tls: true}
    - {from: a, to: e, at: 20s, send: 10, tls: client}
    - {from: a, to: e, at: 20s, send: 10, tls: service}
    - {from: a, to: e, at: 20s, send: 10, tls: true}
    - {from: a, to: e, at: 20s, send: 10}
  units:
    - {from: a, to: b, at: 10s, stdin: 1000, stdout: 1000, tls: true}
    - {from: b, to: a, at: 10s, stdin: 1000, stdout: 1000, tls: true}
    - {from: a, to: b, at: 40s, stdin: 100000, stdout: 100000, duration: 3s, tls: true}
    - {from: b, to: a, at: 40s, stdin: 1000, stdout: 1000, duration: 3s, tls: true}
    - {from: a, to: c, at: 50s, stdin: 1000, stdout: 1000, duration: 20s, tls: true}
    - {from: a, to: c, at: 75s, stdin: 1000, stdout: 1000, tls: true} # not over the session that the one before has left
    - {from: a, to: d, at: 20s, stdin: 1000, stdout: 1000, tls: true}
    - {from: a, to: e, at: 20s, stdin: 1000, stdout: 1000, tls: client}
    - {from: e, to: a, at: 20s, stdin: 1000, stdout: 1000, tls: service}
`

func TestTrust(t *testing.T) {
	r, trace := play(t, trust, 1)
	if len(r.Violations) > 0 || r.Streams != (Streams{5, 5}) || r.Units != (Units{9, 3, 9, 9}) {
		t.Errorf("streams %+v, units %+v, violations %v, want five streams and three units done, the others refused; log:\n%.20000s",
			r.Streams, r.Units, r.Violations, trace)
	}
	wantNumbers(t, trace, "opened", `"stream":(\d+),"text":"service"`, "3 4 5 12 13")
	wantNumbers(t, trace, "ran", `"unit":(\d+)`, "3 4 5")
}

// wantNumbers wants these to be what the events of a kind are about.
func wantNumbers(t *testing.T, trace, kind, number, want string) {
	t.Helper()
	all := make(map[string]bool)
	for _, m := range regexp.MustCompile(`"kind":"`+kind+`","node":"\w+",`+number).FindAllStringSubmatch(trace, -1) {
		all[m[1]] = true
	}
	got := slices.SortedFunc(maps.Keys(all), func(a, b string) int { return 2*(len(a)-len(b)) + strings.Compare(a, b) })
	if got := strings.Join(got, " "); got != want {
		t.Errorf("%s were %s, want %s", kind, got, want)
	}
}

// A node whose clock is a day ahead does not believe b, and gets its streams and units
// done once the clock is right. The clock of another one is fast, so that a certificate
// expires early there. What is under way when links and daemons fail ends at both ends.
const clocks = `
for: 110s
nodes:
  - {id: wrong, clock: {offset: 24h}}
  - {id: b, certificate: {until: 90s}}
  - {id: fast, clock: {drift: 0.1}}
links: [{from: wrong, to: b, delay: 5ms}, {from: b, to: fast, delay: 5ms}]
workload:
  streams:
    - {from: wrong, to: b, at: 10s, send: 1000, receive: 1000, tls: true}
    - {from: wrong, to: b, at: 45s, send: 1000, receive: 1000, tls: true}
    - {from: fast, to: b, at: 80s, send: 1000, receive: 1000, tls: true}
    - {from: fast, to: b, at: 85s, send: 1000, receive: 1000, tls: true}
    - {from: b, to: wrong, at: 50s, send: 1000, receive: 1000, idle: 20s, tls: true}
    - {from: b, to: fast, at: 50s, send: 1000, receive: 1000, idle: 10s, tls: true}
  units:
    - {from: wrong, to: b, at: 10s, stdin: 1000, stdout: 1000, tls: true}
    - {from: wrong, to: b, at: 45s, stdin: 1000, stdout: 1000, duration: 10s, tls: true}
    - {from: b, to: fast, at: 50s, stdin: 1000, stdout: 1000, duration: 10s, tls: true}
timeline:
  - {at: 30s, do: clock, node: wrong, offset: 0s}
  - {at: 31s, do: restart, node: wrong}
  - {at: 52s, do: crash, node: wrong, for: 3s}
  - {at: 53s, do: down, link: [b, fast], for: 12s}
`

func TestTrustWhenClocksAreSetRight(t *testing.T) {
	r, trace := play(t, clocks, 1)
	if len(r.Violations) > 0 || r.Streams != (Streams{4, 3}) || r.Units != (Units{3, 2, 3, 3}) {
		t.Errorf("streams %+v, units %+v, violations %v, want three of four streams complete, and two units; log:\n%.20000s",
			r.Streams, r.Units, r.Violations, trace)
	}
	wantNumbers(t, trace, "opened", `"stream":(\d+),"text":"service"`, "2 3 5 6")
	wantNumbers(t, trace, "ran", `"unit":(\d+)`, "2 3")
	if again, _ := play(t, clocks, 1); again.TraceHash != r.TraceHash {
		t.Errorf("the same seed gave trace hash %s, and then %s", r.TraceHash, again.TraceHash)
	}
}

// A unit whose nodes do not believe each other must fail, and never run.
func TestRefusalJudge(t *testing.T) {
	for name, c := range map[string]struct {
		trust eventlog.Trust
		end   string
		runs  int
		want  string
	}{
		"believed":           {eventlog.Always, "Succeeded", 1, ""},
		"refused":            {eventlog.Never, "Failed", 0, ""},
		"run all the same":   {eventlog.Never, "Succeeded", 1, "want it refused"},
		"refused in vain":    {eventlog.Always, "Failed", 0, "is Failed (): want Succeeded"},
		"refused in between": {eventlog.Sometimes, "Failed", 0, ""},
		"run in between":     {eventlog.Sometimes, "Succeeded", 1, ""},
		"lost in between":    {eventlog.Sometimes, "Failed", 1, "is Failed (): want Succeeded"},
	} {
		j := newJudge(&scenario.Scenario{Units: []scenario.Unit{{From: "a", To: "b", TLS: scenario.BothTLS}}})
		j.take(eventlog.Event{Kind: eventlog.Submitted, Node: "a", Unit: 1})
		for range c.runs {
			j.take(eventlog.Event{Kind: eventlog.Ran, Node: "b", Unit: 1})
		}
		j.take(eventlog.Event{Kind: eventlog.Seen, Node: "a", Unit: 1, Text: c.end, Trust: c.trust})
		if got := fmt.Sprint(j.violations); (len(j.violations) > 0) != (c.want != "") || !strings.Contains(got, c.want) {
			t.Errorf("%s: violations %s, want %q", name, got, c.want)
		}
	}
}
