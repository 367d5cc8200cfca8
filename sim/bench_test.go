package sim

import (
	"testing"
	"time"

	"receptor/sim/scenario"
	"receptor/sim/stats"
	"receptor/transport"
)

// BenchmarkColdStart runs a mesh of random links until every node knows all.
func BenchmarkColdStart(b *testing.B) {
	g := scenario.NewGenerate(scenario.RandomRegular, 300)
	g.SetWire(scenario.TCP, scenario.Range[float64]{Min: 1, Max: 10},
		scenario.Range[time.Duration]{Min: time.Millisecond, Max: 20 * time.Millisecond},
		scenario.Fixed(time.Duration(0)), scenario.Fixed(0.0))
	s, err := g.Scenario("bench", 1)
	if err != nil {
		b.Fatal(err)
	}
	events := uint64(0)
	for b.Loop() {
		r, err := Run(s, 1, Options{For: 5 * time.Second})
		if err != nil {
			b.Fatal(err)
		}
		events += r.Events
	}
	b.ReportMetric(float64(events)/b.Elapsed().Seconds(), "events/s")
}

// echo sends every frame back on the link that it came by.
type echo struct{ link transport.Link }

func (e echo) Receive(frame []byte) { e.link.Send(frame) }
func (e echo) Closed(error)         {}

type noTap struct{}

func (noTap) leaves(int, []byte)      {}
func (noTap) arrives(int, []byte)     {}
func (noTap) lost([]byte, stats.Loss) {}

// BenchmarkEngine measures what an event costs without a node: frames that
// bounce on a thousand links.
func BenchmarkEngine(b *testing.B) {
	const cables = 1000
	tl := &timeline{}
	net := &network{timeline: tl, trace: newTrace([]string{"a", "b"}, nil), tap: noTap{}}
	frame := make([]byte, 200)
	frame[0] = byte(1)
	attach := func(link transport.Link) transport.Receiver {
		for range 10 {
			link.Send(frame)
		}
		return echo{link}
	}
	for i := range cables {
		l := scenario.Link{From: "a", To: "b", Backend: scenario.TCP, Cost: 1}
		l.Forward.Delay = time.Duration(1000+i) * time.Microsecond
		l.Back.Delay = time.Millisecond
		newCable(net, l, port{0, "a", attach}, port{1, "b", attach}, uint64(i)).dial(func(bool) {})
	}
	b.ReportAllocs()
	for b.Loop() {
		e, live := tl.queue.pop()
		if live {
			tl.now = e.at
			e.task.run()
		}
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "events/s")
}
