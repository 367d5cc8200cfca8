package work

import (
	"container/heap"
	"maps"
	"slices"
	"strings"
	"time"

	"receptor/transport"
)

// sleeper is a unit that waits for a deadline.
type sleeper interface {
	wake()
	base() *unit
}

// wakeUps are the deadlines of units, the units on other nodes that are not
// complete, and the manager's one timer for all of them.
type wakeUps struct {
	queue  alarmQueue
	byNode map[string]map[string]*remote // by node, then by unit
	timer  transport.Timer
	at     time.Time // when the timer fires, zero if it does not
}

// alarm is the deadline of one unit. index is its place in the queue, -1 when
// it has no deadline.
type alarm struct {
	unit  sleeper
	at    time.Time
	index int
}

// alarmQueue is a heap of alarms: the earliest first, and then by unit ID.
type alarmQueue []*alarm

func (q alarmQueue) Len() int { return len(q) }

func (q alarmQueue) Less(i, j int) bool {
	if !q[i].at.Equal(q[j].at) {
		return q[i].at.Before(q[j].at)
	}
	return q[i].unit.base().id < q[j].unit.base().id
}

func (q alarmQueue) Swap(i, j int) {
	q[i], q[j] = q[j], q[i]
	q[i].index, q[j].index = i, j
}

// Push implements heap.Interface.
func (q *alarmQueue) Push(x any) {
	a := x.(*alarm)
	a.index = len(*q)
	*q = append(*q, a)
}

// Pop implements heap.Interface.
func (q *alarmQueue) Pop() any {
	last := len(*q) - 1
	a := (*q)[last]
	*q = (*q)[:last]
	a.index = -1
	return a
}

// expect keeps a unit among those that wait for its node, and has it woken at
// the given time, or at no time if that is zero.
func (m *Manager) expect(r *remote, node string, at time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return
	}
	w := &m.wakeUp
	if w.byNode == nil {
		w.byNode = make(map[string]map[string]*remote)
	}
	if w.byNode[node] == nil {
		w.byNode[node] = make(map[string]*remote)
	}
	w.byNode[node][r.id] = r
	m.setAlarm(&r.alarm, at)
}

// wakeAt has a unit woken at the given time, or at no time if that is zero.
func (m *Manager) wakeAt(a *alarm, at time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.closed {
		m.setAlarm(a, at)
	}
}

// setAlarm is the part of wakeAt that requires mu.
func (m *Manager) setAlarm(a *alarm, at time.Time) {
	m.wakeUp.drop(a)
	if !at.IsZero() {
		a.at = at
		heap.Push(&m.wakeUp.queue, a)
	}
	m.setTimer()
}

// unexpect is for a unit that waits for nothing any more.
func (m *Manager) unexpect(r *remote, node string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.wakeUp.byNode[node], r.id)
	if len(m.wakeUp.byNode[node]) == 0 {
		delete(m.wakeUp.byNode, node)
	}
	m.wakeUp.drop(&r.alarm)
	m.setTimer()
}

func (w *wakeUps) drop(a *alarm) {
	if a.index >= 0 {
		heap.Remove(&w.queue, a.index)
	}
}

// setTimer arms the timer for the earliest deadline. It requires mu.
func (m *Manager) setTimer() {
	w := &m.wakeUp
	if len(w.queue) > 0 && w.queue[0].at.Equal(w.at) {
		return
	}
	w.stop()
	if len(w.queue) > 0 && !m.closed {
		w.at = w.queue[0].at
		w.timer = m.clock.AfterFunc(w.at.Sub(m.clock.Now()), m.ring)
	}
}

func (w *wakeUps) stop() {
	if w.timer != nil {
		w.timer.Stop()
	}
	w.timer = nil
	w.at = time.Time{}
}

// ring wakes the units whose time has come.
func (m *Manager) ring() {
	m.mu.Lock()
	m.wakeUp.stop()
	now := m.clock.Now()
	var due []sleeper
	for q := &m.wakeUp.queue; len(*q) > 0 && !(*q)[0].at.After(now); {
		due = append(due, heap.Pop(q).(*alarm).unit)
	}
	m.setTimer()
	m.mu.Unlock()
	for _, r := range due {
		r.wake()
	}
}

// NodeReachable says that there is a route to a node now, or that it
// advertises its control service: units that wait to try it again do so at
// once.
func (m *Manager) NodeReachable(node string) {
	m.dropPullers(node)
	m.sessions.drop(node)
	for _, r := range m.unitsOn(node) {
		r.nodeReachable()
	}
}

// NodeUnreachable says that there is no route to a node any more. Its units say
// so when that has lasted for a while, and give up the connections to it.
func (m *Manager) NodeUnreachable(node string) {
	for _, r := range m.unitsOn(node) {
		r.step(r.f.lost)
	}
}

// unitsOn returns the units that are not complete and run on a node, by ID.
func (m *Manager) unitsOn(node string) []*remote {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.SortedFunc(maps.Values(m.wakeUp.byNode[node]), func(a, b *remote) int {
		return strings.Compare(a.id, b.id)
	})
}
