package stats

import (
	"slices"
	"strings"
	"testing"
	"time"

	"receptor/mesh"
	"receptor/mesh/wire"
	"receptor/sim/check"
)

func TestDistribution(t *testing.T) {
	t.Parallel()
	hundred := make([]float64, 100)
	for i := range hundred {
		hundred[i] = float64(100 - i)
	}
	for _, c := range []struct {
		values []float64
		want   Distribution
	}{
		{nil, Distribution{}},
		{[]float64{7}, Distribution{1, 7, 7, 7}},
		{[]float64{2, 1}, Distribution{2, 1, 2, 2}},
		{[]float64{3, 1, 2}, Distribution{3, 2, 3, 3}},
		{hundred, Distribution{100, 50, 95, 100}},
	} {
		if got := Describe(slices.Clone(c.values)); got != c.want {
			t.Errorf("%v: %+v, want %+v", c.values, got, c.want)
		}
	}
}

func TestControlBytesByPhase(t *testing.T) {
	t.Parallel()
	c := NewCollector(2)
	c.Control(0, 100)
	c.Calm(2*time.Second, true)
	c.Control(0, 30)
	c.Control(1, 60)
	c.Calm(5*time.Second, false)
	c.Control(1, 40)
	f := c.Figures(7 * time.Second)
	if want := []float64{25, 10}; !slices.Equal(f.Busy, want) { // of 4 s
		t.Errorf("busy: %v, want %v", f.Busy, want)
	}
	if want := []float64{10, 20}; !slices.Equal(f.Calm, want) { // of 3 s
		t.Errorf("calm: %v, want %v", f.Calm, want)
	}
}

func TestAPhaseThatHardlyWasSaysNothing(t *testing.T) {
	t.Parallel()
	c := NewCollector(1)
	c.Calm(time.Minute, true)
	if f := c.Figures(time.Minute + time.Millisecond); f.Calm != nil || len(f.Busy) != 1 {
		t.Errorf("calm %v, busy %v, want none and one value", f.Calm, f.Busy)
	}
}

// frameTo makes a data frame for a service.
func frameTo(t *testing.T, service string) []byte {
	t.Helper()
	to, err := wire.ParseService(service)
	if err != nil {
		t.Fatal(err)
	}
	return wire.AppendData(nil, wire.Header{ToService: to}, nil)
}

func TestOnlyDatagramsOfTheWorkloadAreCountedAsLost(t *testing.T) {
	t.Parallel()
	c := NewCollector(1)
	ours := frameTo(t, check.Service)
	c.Lost(ours, LossWire)
	c.Lost(ours, LossNode)
	c.Lost(ours, LossWire)
	c.Lost(frameTo(t, "ping"), LossWire)
	c.Lost(ours[:20], LossWire)
	c.Lost([]byte{byte(wire.TypeRouting)}, LossWire)
	c.Lost(nil, LossWire)
	d, err := wire.ParseData(ours)
	if err != nil {
		t.Fatal(err)
	}
	c.Dropped(mesh.DatagramDropped{Reason: mesh.DropNoRoute, Header: d.Header})
	c.Dropped(mesh.DatagramDropped{Reason: mesh.DropNoRoute, Header: wire.Header{ToService: wire.ServicePing}})
	got := c.Figures(time.Second).Datagrams.String()
	if want := "0 sent, 0 delivered; lost on the wire: 2; no route to node: 1; node down: 1"; got != want {
		t.Errorf("datagrams: %s, want %s", got, want)
	}
}

func seconds(n float64) time.Duration { return time.Duration(n * float64(time.Second)) }

func twoRuns() Summary {
	g := NewGatherer()
	g.Add(Figures{
		Episodes: []check.Episode{
			{Cause: check.CauseStart, Routed: seconds(1), Converged: seconds(2)},
			{Cause: check.CauseHeal, Routed: seconds(0.25), Converged: check.Never},
		},
		Busy: []float64{1000, 2000}, Calm: []float64{10, 20}, DeliveredHops: 4, RouteHops: 5,
		Datagrams: Datagrams{Sent: 10, Delivered: 9, Lost: map[Loss]int{LossWire: 1}},
		Pings:     Pings{Sent: 3, Answered: 2, Lost: 1},
	})
	g.Add(Figures{
		Episodes:  []check.Episode{{Cause: check.CauseStart, Routed: seconds(3), Converged: seconds(75)}},
		Busy:      []float64{1500.5, 3000},
		Datagrams: Datagrams{Sent: 1, Lost: map[Loss]int{Loss(mesh.DropNoRoute): 1}},
	})
	return g.Summary()
}

func TestTableOfRuns(t *testing.T) {
	t.Parallel()
	s := twoRuns()
	var b strings.Builder
	if err := s.Print(&b); err != nil {
		t.Fatal(err)
	}
	want := []string{
		"median p95 max count",
		"routes right after start 1s 3s 3s 2",
		"all right after start 2s 1m15s 1m15s 2",
		"routes right after heal 250ms 250ms 250ms 1",
		"all right after heal - - - 0",
		"control bytes per node and second, calm 10 20 20 2",
		"control bytes per node and second, busy 1500.5 3000 3000 4",
		"hops of what was delivered, most in a run 4 4 4 1",
		"hops of routes, most in a run 5 5 5 1",
		"",
		"unfinished 1 of 1 times after heal, all was not right before the next disturbance or the end",
		"pings 3 sent, 2 answered, 1 lost",
		"datagrams 11 sent, 9 delivered; lost on the wire: 1; no route to node: 1",
	}
	var got []string
	for line := range strings.Lines(b.String()) {
		got = append(got, strings.Join(strings.Fields(line), " "))
	}
	if !slices.Equal(got, want) {
		t.Errorf("the table is\n%s", b.String())
	}
}

// The figures of a run must not change with what is added after it.
func TestSummaryKeepsNothingOfTheFigures(t *testing.T) {
	t.Parallel()
	lost := map[Loss]int{LossWire: 1}
	g := NewGatherer()
	g.Add(Figures{Datagrams: Datagrams{Lost: lost}})
	g.Add(Figures{Datagrams: Datagrams{Lost: map[Loss]int{LossWire: 5}}})
	if lost[LossWire] != 1 || g.Summary().Datagrams.Lost[LossWire] != 6 {
		t.Errorf("lost %d of the first run, %d in all, want 1 and 6", lost[LossWire], g.Summary().Datagrams.Lost[LossWire])
	}
}
