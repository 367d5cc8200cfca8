package campaign

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"time"

	"pgregory.net/rapid"

	"receptor/sim/check"
	"receptor/sim/scenario"
	"receptor/sim/shrink"
)

// drawDeployed makes some of the nodes deployed ones, in every other mesh, and leaves two
// or more of ours.
func drawDeployed(t *rapid.T, s *scenario.Scenario) {
	if rapid.Bool().Draw(t, "all ours") {
		return
	}
	all := make([]int, len(s.Nodes))
	for i := range all {
		all[i] = i
	}
	places := rapid.Permutation(all).Draw(t, "deployed ones, the first of")
	for _, i := range places[:rapid.IntRange(1, len(s.Nodes)-2).Draw(t, "deployed")] {
		s.Nodes[i].Kind = scenario.KindDeployed
	}
}

// ourNodes returns the nodes that are not deployed ones.
func ourNodes(s *scenario.Scenario) (ours []*scenario.Node) {
	for i := range s.Nodes {
		if n := &s.Nodes[i]; n.Kind != scenario.KindDeployed {
			ours = append(ours, n)
		}
	}
	return ours
}

// drawPair draws two nodes, one of which at least is of ours.
func drawPair(t *rapid.T, s *scenario.Scenario) (from, to *scenario.Node) {
	from = rapid.SampledFrom(ourNodes(s)).Draw(t, "one of ours")
	i := slices.IndexFunc(s.Nodes, func(n scenario.Node) bool { return n.ID == from.ID })
	to = &s.Nodes[(i+rapid.IntRange(1, len(s.Nodes)-1).Draw(t, "and another, counted from there"))%len(s.Nodes)]
	if rapid.Bool().Draw(t, "the other way round") {
		return to, from
	}
	return from, to
}

func isDeployed(n *scenario.Node) bool { return n.Kind == scenario.KindDeployed }

// drawSize draws a number of bytes.
func drawSize(t *rapid.T, what string) int {
	return rapid.SampledFrom([]int{0, 1, 3_000, 20_000, 70_000}).Draw(t, what)
}

// drawJobs draws units of work, now and then several at one instant, and streams.
func drawJobs(t *rapid.T, s *scenario.Scenario) {
	// The control services of all nodes have TLS, or none has.
	secured := rapid.SampledFrom([]scenario.TLS{scenario.NoTLS, scenario.NoTLS, scenario.BothTLS}).Draw(t, "tls of units")
	for range rapid.IntRange(1, 6).Draw(t, "units") {
		u := drawUnit(t, s, secured)
		for range rapid.SampledFrom([]int{1, 1, 1, 2, 6}).Draw(t, "of them at once") {
			s.Units = append(s.Units, u)
		}
	}
	for range rapid.IntRange(0, 3).Draw(t, "streams") {
		s.Streams = append(s.Streams, drawStream(t, s))
	}
}

func drawUnit(t *rapid.T, s *scenario.Scenario, secured scenario.TLS) scenario.Unit {
	u := scenario.Unit{
		At: drawMoment(t, s, "submitted at"), Stdin: drawSize(t, "stdin"), Stdout: drawSize(t, "stdout"),
		Duration: drawMoment(t, s, "runs for") / 2, Exit: rapid.SampledFrom([]int{0, 0, 1}).Draw(t, "exit"),
		Output:       rapid.SampledFrom([]scenario.Output{scenario.Steady, scenario.Drip, scenario.Burst}).Draw(t, "output"),
		IgnoreSIGINT: rapid.Bool().Draw(t, "ignores SIGINT"),
	}
	if rapid.IntRange(0, 2).Draw(t, "cancelled") == 0 {
		u.CancelAt = u.At + drawMoment(t, s, "cancelled after")/2
	}
	if rapid.IntRange(0, 2).Draw(t, "released") == 0 {
		u.ReleaseAt = u.At + drawMoment(t, s, "released after")
	}
	from, to := drawPair(t, s)
	if isDeployed(from) && secured != scenario.NoTLS {
		from, to = to, from // it has no TLS, as what else deployed nodes take none of
	}
	switch u.From, u.To = from.ID, to.ID; {
	case !isDeployed(from) && !isDeployed(to):
		u.TLS, u.Signed = secured, rapid.Bool().Draw(t, "signed")
		u.Children = rapid.SampledFrom([]int{0, 0, 2}).Draw(t, "children")
	case isDeployed(from) && u.CancelAt > 0 && u.ReleaseAt == 0:
		u.ReleaseAt = u.CancelAt + drawMoment(t, s, "released after it was cancelled")
	}
	return u
}

func drawStream(t *rapid.T, s *scenario.Scenario) scenario.Stream {
	v := scenario.Stream{
		At: drawMoment(t, s, "opened at"), Send: drawSize(t, "send"), Receive: drawSize(t, "receive"), Idle: drawMoment(t, s, "idle") / 4,
		HalfClose: rapid.Bool().Draw(t, "half-close"), By: scenario.ByProxy,
	}
	v.WriteFirst = !v.HalfClose && rapid.Bool().Draw(t, "writes first")
	from, to := drawPair(t, s)
	v.From, v.To = from.ID, to.ID
	if !isDeployed(from) {
		v.By = rapid.SampledFrom([]scenario.By{scenario.ByProxy, scenario.ByConnect}).Draw(t, "by")
		if !isDeployed(to) {
			v.TLS = rapid.SampledFrom([]scenario.TLS{scenario.NoTLS, scenario.BothTLS, scenario.ClientTLS, scenario.ServiceTLS}).Draw(t, "tls")
		}
	}
	return v
}

// drawCertificate lets the certificate of a node, in one case of three, be valid for a
// part of the time.
func drawCertificate(t *rapid.T, s *scenario.Scenario) {
	if rapid.IntRange(0, 2).Draw(t, "certificate") > 0 {
		return
	}
	n := rapid.SampledFrom(ourNodes(s)).Draw(t, "whose")
	if n.Certificate.From = -time.Hour; rapid.Bool().Draw(t, "from then on") {
		n.Certificate.From = drawMoment(t, s, "valid from")
	}
	n.Certificate.Until = n.Certificate.From + time.Hour + drawMoment(t, s, "valid until")
}

// shareOfCases is how many cases of other properties take as long as one of whole
// daemons.
const shareOfCases = 40

// Whatever happens to links, daemons, machines and disks, also among deployed nodes, units run once at most,
// end as they may and are released once their nodes are sound, and streams carry
// what they were given or say that they did not.
func TestWorkSurvivesFaults(t *testing.T) {
	scaleCases(t, shareOfCases)
	surviveFaults(t, fullEngine(t), failures)
}

// surviveFaults is that property, on an engine. A failure is made small and written to
// a folder.
func surviveFaults(t rapid.TB, e Engine, folder string) {
	var failed *scenario.Scenario
	var violated check.Violation
	defer func() { // also when rapid ends the goroutine
		if failed != nil {
			save(t, e, failed, violated, folder)
		}
	}()
	rapid.Check(t, func(t *rapid.T) {
		s := drawMesh(t, 12, scenario.TCP, scenario.UDP)
		s.For = min(s.For, 40*time.Second)
		drawDeployed(t, s)
		drawWires(t, s)
		drawLimits(t, s)
		drawJobs(t, s)
		if rapid.Bool().Draw(t, "other traffic") {
			drawWorkload(t, s)
		}
		drawCertificate(t, s)
		drawFaults(e, s)
		drawBlows(t, e, s)
		settle(s)
		r, err := Check(context.Background(), e, s, Options{})
		if err != nil {
			t.Fatalf("the generators made a bad scenario: %v", err)
		}
		if len(r.Violations) > 0 {
			failed, violated = s, r.Violations[0]
			t.Fatalf("violated: %v", violated)
		}
	})
}

// scaleCases makes a property try only one of so many cases, and leave it to save
// to make a failure small. It must not be parallel to others.
func scaleCases(t *testing.T, share int) {
	t.Helper()
	set := func(name string, value func(old string) string) {
		old := flag.Lookup(name).Value.String()
		if err := flag.Set(name, value(old)); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { flag.Set(name, old) })
	}
	set("rapid.checks", func(old string) string {
		n, err := strconv.Atoi(old)
		if err != nil {
			t.Fatal(err)
		}
		return strconv.Itoa(max(1, n/share))
	})
	set("rapid.shrinktime", func(string) string { return "0s" })
}

// failures is where meshsim leaves what fails, too, when it is started where the
// project is.
const failures = "../../failures"

// save makes a scenario that violates a rule small, writes it to a folder, and tells
// how to replay it from where that is.
func save(t rapid.TB, e Engine, s *scenario.Scenario, v check.Violation, folder string) {
	t.Helper()
	ctx, stop := context.WithTimeout(context.Background(), 3*time.Minute)
	defer stop()
	s, runs := Smallest(ctx, e, s, v.Rule, shrink.Options{Runs: 300})
	name := fmt.Sprintf("%s-seed%d.yaml", t.Name(), s.Seed)
	path := filepath.Join(folder, name)
	replay := "meshsim run --engine full " + filepath.Join(filepath.Base(folder), name)
	if v.Rule == check.RuleReplay {
		replay += " --twice"
	}
	err := os.MkdirAll(folder, 0o777)
	if err == nil {
		err = os.WriteFile(path, s.Encode(fmt.Sprintf("Violated: %v\nFound by: %s\nMade small in %d runs.\nReplay: %s", v, t.Name(), runs, replay)), 0o666)
	}
	if err != nil {
		t.Errorf("write the scenario that fails: %v", err)
		return
	}
	t.Logf("made small in %d runs; replay: %s", runs, replay)
}
