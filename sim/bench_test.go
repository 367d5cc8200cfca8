package sim

import (
	"fmt"
	"os"
	"runtime"
	"testing"
	"time"

	"receptor/mesh"
	"receptor/sim/scenario"
	"receptor/sim/stats"
	"receptor/transport"
)

// BenchmarkColdStart runs meshes of random links, four at each node, until every
// node knows all: 100 and 1,000 nodes, and 10,000 where BENCH_LARGE is set (that
// takes half an hour, and 8 GiB).
func BenchmarkColdStart(b *testing.B) {
	sizes := []int{100, 1000}
	if os.Getenv("BENCH_LARGE") != "" {
		sizes = append(sizes, 10000)
	}
	for _, nodes := range sizes {
		b.Run(fmt.Sprint(nodes), func(b *testing.B) { benchmarkColdStart(b, nodes) })
	}
}

func benchmarkColdStart(b *testing.B, nodes int) {
	const length = 3 * time.Second
	g := scenario.NewGenerate(scenario.RandomRegular, nodes)
	g.SetWire(scenario.TCP, scenario.Fixed(1.0), scenario.Fixed(5*time.Millisecond), scenario.Fixed(time.Duration(0)), scenario.Fixed(0.0))
	s, err := g.Scenario("bench", 1)
	if err != nil {
		b.Fatal(err)
	}
	var w *world
	events := uint64(0)
	for b.Loop() {
		if w, err = newWorld(s, 1, nil); err != nil {
			b.Fatal(err)
		}
		w.runFor(length)
		events += w.trace.events
	}
	b.ReportMetric(float64(events)/b.Elapsed().Seconds(), "events/s")
	b.ReportMetric(float64(b.N)*length.Seconds()/b.Elapsed().Seconds(), "virtual-s/s")
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	b.ReportMetric(float64(m.HeapAlloc)/float64(nodes), "B/node")
	b.ReportMetric(float64(m.Sys)/float64(nodes), "peak-B/node") // of the process, smaller meshes included
	if _, converged := w.convergence.Converged(); !converged || len(w.violations) > 0 {
		b.Errorf("converged: %v, violations: %v", converged, w.violations)
	}
}

// echo sends every frame back on the link that it came by.
type echo struct{ link transport.Link }

func (e echo) Receive(frame []byte) { e.link.Send(frame) }
func (e echo) Closed(error)         {}

type noTap struct{}

func (noTap) leaves(*host, []byte)    {}
func (noTap) arrives(*host, []byte)   {}
func (noTap) lost([]byte, stats.Loss) {}
func (noTap) holds(*host, int, int)   {}
func (noTap) tainted()                {}

// BenchmarkEngine measures what an event costs without a node: frames that
// bounce on a thousand links.
func BenchmarkEngine(b *testing.B) {
	const cables = 1000
	tl := &timeline{}
	net := &network{timeline: tl, trace: newTrace([]string{"a", "b"}, nil), tap: noTap{}}
	frame := make([]byte, 200)
	frame[0] = byte(1)
	attach := func(link transport.Link, _ mesh.LinkOptions) transport.Receiver {
		for range 10 {
			link.Send(frame)
		}
		return echo{link}
	}
	from := &host{net: net, number: 0, id: "a", accept: attach}
	to := &host{net: net, number: 1, id: "b", accept: attach}
	for i := range cables {
		l := scenario.Link{From: "a", To: "b", Backend: scenario.TCP, Cost: 1}
		l.Forward.Delay = time.Duration(1000+i) * time.Microsecond
		l.Back.Delay = time.Millisecond
		newCable(net, l, from, to, uint64(i)).dial(func(transport.Outcome) {})
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
