package sim

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// marked is a task that can be called off, and notes its number when it runs.
type marked struct {
	off bool
	ran *[]uint64
	seq uint64
}

func (p *marked) live(uint64) bool { return !p.off }
func (p *marked) run()             { *p.ran = append(*p.ran, p.seq) }

func drain(q *queue) {
	for {
		if _, ok := q.next(); !ok {
			return
		}
		if e, live := q.pop(); live {
			e.task.run()
		}
	}
}

func TestQueueOrdersByTimeThenByPush(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(1, 2))
	var q queue
	var ran []uint64
	type due struct {
		at  time.Duration
		seq uint64
	}
	var want []due
	for range 5000 {
		p := &marked{ran: &ran}
		at := time.Duration(r.IntN(50)) // many at the same time
		p.seq = q.push(at, p)
		want = append(want, due{at, p.seq})
	}
	slices.SortStableFunc(want, func(a, b due) int { return int(a.at - b.at) })
	drain(&q)
	for i, w := range want {
		if ran[i] != w.seq {
			t.Fatalf("event %d is number %d, want %d", i, ran[i], w.seq)
		}
	}
}

// Calling events off makes the queue compact itself: what remains must still
// come in order, and all of it.
func TestQueueForgetsWhatIsCalledOff(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(3, 4))
	var q queue
	var ran, want []uint64
	var probes []*marked
	for i := range 20000 {
		p := &marked{ran: &ran}
		p.seq = q.push(time.Duration(i), p)
		probes = append(probes, p)
	}
	r.Shuffle(len(probes), func(i, k int) { probes[i], probes[k] = probes[k], probes[i] })
	for _, p := range probes[:15000] {
		p.off = true
		q.calledOff()
	}
	if len(q.heap) > 11000 {
		t.Errorf("%d events are kept for 5000 that are live", len(q.heap))
	}
	for _, p := range probes[15000:] {
		want = append(want, p.seq)
	}
	slices.Sort(want)
	drain(&q)
	if !slices.Equal(ran, want) {
		t.Errorf("%d events ran, want the %d live ones in order", len(ran), len(want))
	}
}
