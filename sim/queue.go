package sim

import "time"

// task is what an event does. An event that is no longer live when its time
// comes has been called off: it neither runs nor counts.
type task interface {
	// live reports whether the event that was pushed with this number is still
	// wanted.
	live(sequence uint64) bool
	run()
}

// event is a task at a time. Events are ordered by time, and then by the order
// in which they were pushed: no two are equal.
type event struct {
	at       time.Duration
	sequence uint64
	task     task
}

func (e *event) before(o *event) bool {
	return e.at < o.at || e.at == o.at && e.sequence < o.sequence
}

// queue is the event queue: a heap of four children a node, which holds events
// by value. An event that is called off stays until its time comes, or until
// there are more such than others.
type queue struct {
	heap   []event
	pushed uint64 // the number of the last event
	dead   int    // at least so many in heap are known not to be live
}

// push adds an event and returns its number, which is never 0.
func (q *queue) push(at time.Duration, t task) (sequence uint64) {
	q.pushed++
	q.heap = append(q.heap, event{at, q.pushed, t})
	q.up(len(q.heap) - 1)
	return q.pushed
}

// next returns when the first event is due, live or not.
func (q *queue) next() (at time.Duration, ok bool) {
	if len(q.heap) == 0 {
		return 0, false
	}
	return q.heap[0].at, true
}

// pop removes the first event and returns it; live tells whether it is to run.
func (q *queue) pop() (e event, live bool) {
	e = q.heap[0]
	last := len(q.heap) - 1
	q.heap[0] = q.heap[last]
	q.heap[last] = event{}
	q.heap = q.heap[:last]
	if last > 0 {
		q.down(0)
	}
	live = e.task.live(e.sequence)
	if !live && q.dead > 0 {
		q.dead--
	}
	return e, live
}

// calledOff tells that an event in the queue is no longer live.
func (q *queue) calledOff() {
	q.dead++
	if q.dead < 1024 || q.dead < len(q.heap)/2 {
		return
	}
	kept := q.heap[:0]
	for _, e := range q.heap {
		if e.task.live(e.sequence) {
			kept = append(kept, e)
		}
	}
	clear(q.heap[len(kept):])
	q.heap, q.dead = kept, 0
	for i := (len(kept) - 2) / 4; i >= 0; i-- {
		q.down(i)
	}
}

func (q *queue) up(i int) {
	h := q.heap
	e := h[i]
	for i > 0 {
		parent := (i - 1) / 4
		if !e.before(&h[parent]) {
			break
		}
		h[i] = h[parent]
		i = parent
	}
	h[i] = e
}

func (q *queue) down(i int) {
	h := q.heap
	if len(h) == 0 {
		return
	}
	e := h[i]
	for {
		first := 4*i + 1
		if first >= len(h) {
			break
		}
		least := first
		for c := first + 1; c < min(first+4, len(h)); c++ {
			if h[c].before(&h[least]) {
				least = c
			}
		}
		if !h[least].before(&e) {
			break
		}
		h[i] = h[least]
		i = least
	}
	h[i] = e
}
