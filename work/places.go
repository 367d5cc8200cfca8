package work

import (
	"cmp"
	"fmt"
	"slices"
	"sync"
)

// places are the units of work types that run at the same time only up to a
// number (Type.MaxParallel), and those that wait for that.
//
//	stdin is whole --> admit: runs --------------------> leave
//	                       or waits, in order --> runs --^
//	                                          +----------^ cancelled
//
// What it decides is carried out by others: no unit is called under its lock.
type places struct {
	mu       sync.Mutex
	arrivals uint64 // the number of the latest arrival
	lines    map[string]*line
}

// line are the units of one work type.
type line struct {
	places  int
	running map[*command]bool
	waiting []*command // in order of arrival
}

// line returns that of a work type, nil if it has no limit. It requires mu.
func (p *places) line(t Type) *line {
	l := p.lines[t.Name]
	if l == nil && t.MaxParallel > 0 {
		if p.lines == nil {
			p.lines = make(map[string]*line)
		}
		l = &line{places: t.MaxParallel, running: make(map[*command]bool)}
		p.lines[t.Name] = l
	}
	return l
}

// admit numbers a new arrival and gives it a place, or lets it wait for one. It
// reports whether the unit may run now.
func (p *places) admit(t Type, c *command) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	l := p.line(t)
	if l == nil {
		return true
	}
	p.arrivals++
	c.arrival.Store(p.arrivals)
	if len(l.waiting) == 0 && len(l.running) < l.places {
		l.running[c] = true
		return true
	}
	l.wait(c)
	return false
}

// resume takes in a unit of a former run: one that runs has a place whatever
// the limit is now, others wait. It reports whether the unit waits.
func (p *places) resume(t Type, c *command, runs bool) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.arrivals = max(p.arrivals, c.arrival.Load())
	l := p.line(t)
	switch {
	case l == nil:
		return false
	case runs:
		l.running[c] = true
		return false
	}
	delete(l.running, c) // it could have been
	l.wait(c)
	return true
}

func (l *line) wait(c *command) {
	at, _ := slices.BinarySearchFunc(l.waiting, c, byArrival)
	l.waiting = slices.Insert(l.waiting, at, c)
}

func byArrival(a, b *command) int {
	return cmp.Or(cmp.Compare(a.arrival.Load(), b.arrival.Load()), cmp.Compare(a.id, b.id))
}

// leave takes a unit out, if it is in. It returns those that may run now, and the
// first ones of those whose place in the line is another.
func (p *places) leave(workType string, c *command) (admitted, moved []*command) {
	p.mu.Lock()
	defer p.mu.Unlock()
	l := p.lines[workType]
	if l == nil {
		return nil, nil
	}
	delete(l.running, c)
	before := len(l.waiting)
	if at, waits := slices.BinarySearchFunc(l.waiting, c, byArrival); waits {
		l.waiting = slices.Delete(l.waiting, at, at+1)
	}
	admitted = l.fill()
	if len(l.waiting) < before {
		moved = slices.Clone(l.waiting[:min(len(l.waiting), followedPlaces)])
	}
	return admitted, moved
}

// fill gives free places to those that wait, and returns them.
func (l *line) fill() []*command {
	n := min(max(l.places-len(l.running), 0), len(l.waiting))
	admitted := slices.Clone(l.waiting[:n])
	l.waiting = slices.Delete(l.waiting, 0, n)
	for _, c := range admitted {
		l.running[c] = true
	}
	return admitted
}

// fillAll gives free places to those that wait after a start.
func (p *places) fillAll() []*command {
	p.mu.Lock()
	defer p.mu.Unlock()
	var admitted []*command
	for _, l := range p.lines {
		admitted = append(admitted, l.fill()...)
	}
	slices.SortFunc(admitted, byArrival)
	return admitted
}

// followedPlaces is how many of a line are told when their place is another:
// each writes that to its disk.
const followedPlaces = 10

// describe tells a person where in its line a unit is; "" if it is in none. With
// followed it is for one who is told of changes, as far as they are told.
func (p *places) describe(workType string, c *command, followed bool) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	l := p.lines[workType]
	if l == nil {
		return ""
	}
	at, waits := slices.BinarySearchFunc(l.waiting, c, byArrival)
	if !waits {
		return ""
	}
	if followed && at >= followedPlaces {
		return fmt.Sprintf("Queued: %d or more wait before it; %d of this work type may run at once", followedPlaces, l.places)
	}
	return fmt.Sprintf("Queued: number %d of %d that wait; %d of this work type may run at once", at+1, len(l.waiting), l.places)
}

// startWaiting starts units that have a place now, and others in the place of
// those that cannot be started. No unit's lock may be held.
func (m *Manager) startWaiting(admitted []*command) {
	for len(admitted) > 0 {
		c := admitted[0]
		admitted = admitted[1:]
		if !c.startAdmitted() {
			more, moved := m.places.leave(c.load().status.WorkType, c)
			admitted = append(admitted, more...)
			tellMoved(moved)
		}
	}
}

// startAdmitted starts a unit that has waited for its place. It reports false if
// the unit has no use for that any more.
func (c *command) startAdmitted() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed || c.load().status.State.Terminal() {
		return false
	}
	c.publish(func(v *snapshot) { v.status.Detail = detailStarting })
	return c.start() == nil
}

// settle lets others run if a unit is complete, or gone. No unit's lock may be
// held.
func (m *Manager) settle(c *command) {
	if s := c.load(); s.status.State.Terminal() || s.released {
		admitted, moved := m.places.leave(s.status.WorkType, c)
		tellMoved(moved)
		m.startWaiting(admitted)
	}
}

// tellMoved tells those who follow units that wait of their new places. No
// unit's lock may be held.
func tellMoved(moved []*command) {
	for _, c := range moved {
		c.mu.Lock()
		if len(c.feeds) > 0 && !c.closed {
			c.publish(func(*snapshot) {})
		}
		c.mu.Unlock()
	}
}

// followedDetail is shownDetail for one who is told of changes.
func (c *command) followedDetail(s Status) string {
	if place := c.m.places.describe(s.WorkType, c, true); place != "" && !s.State.Terminal() {
		return place
	}
	return s.Detail
}
