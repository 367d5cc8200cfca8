package work

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// limited returns a node with the work type "few", of which two units run at
// the same time.
func limited(t *testing.T) *testNode {
	n := newCluster(t).node("a")
	n.stop()
	n.types = []Type{{Name: "few", Command: "cat", MaxParallel: 2}}
	n.start()
	return n
}

// few submits a unit of that type and returns its ID.
func (n *testNode) few() string {
	n.t.Helper()
	sub, err := n.client().Submit(map[string]string{"node": "a", "worktype": "few"})
	if err != nil {
		n.t.Fatal(err)
	}
	if _, err := sub.Finish(strings.NewReader("")); err != nil {
		n.t.Fatal(err)
	}
	return sub.UnitID
}

// wantNext wants a unit's supervisor to be the one that is started next.
func (n *testNode) wantNext(unit string) *testProcess {
	n.t.Helper()
	p := n.next()
	if got := path.Base(p.Dir); got != unit {
		n.t.Fatalf("unit %s starts, want %s", got, unit)
	}
	return p
}

// wantPlaces wants units to wait in that order, and no other to be starting.
func (n *testNode) wantPlaces(units ...string) {
	n.t.Helper()
	for i, unit := range units {
		n.wantStatus(unit, Pending, fmt.Sprintf("Queued: number %d of %d that wait; 2 of this work type may run at once", i+1, len(units)))
	}
	if k := len(n.processes.started); k != 0 {
		n.t.Errorf("%d units start although others run", k)
	}
}

func TestUnitsWaitForAPlace(t *testing.T) {
	n := limited(t)
	units := make([]string, 6)
	for i := range units {
		units[i] = n.few()
	}
	first, second := n.wantNext(units[0]), n.wantNext(units[1])
	n.wantPlaces(units[2:]...)
	if other, result := n.submit("a", ""); result != "Job Started" {
		t.Errorf("a unit of another work type: %s", result)
	} else {
		n.wantNext(other)
	}
	second.exit(Failed, "exit status 3")
	third := n.wantNext(units[2])
	n.wantPlaces(units[3:]...)
	// One that waits may be cancelled, or released.
	n.do("work cancel " + units[4])
	n.wantStatus(units[4], Canceled, "Canceled")
	n.wantPlaces(units[3], units[5])
	n.do("work release " + units[3])
	n.wantPlaces(units[5])
	// One that cannot be started leaves its place to the next.
	last := n.few()
	n.processes.fail = errors.New("no luck")
	first.status(Running, "Running: PID 7")
	n.wantPlaces(units[5], last)
	first.exit(Succeeded, "exit status 0")
	n.await(units[5], Failed, "no luck")
	n.await(last, Failed, "no luck")
	n.processes.fail = nil
	n.wantNext(n.few())
	n.wantPlaces()
	third.exit(Succeeded, "exit status 0")
	n.wantNext(n.few())
}

// What a unit has left in the background does not keep its place.
func TestCompleteUnitLeavesItsPlace(t *testing.T) {
	n := limited(t)
	n.few()
	n.few()
	unit := n.few()
	n.next().status(Succeeded, "exit status 0") // and its supervisor stays
	n.next()
	n.wantNext(unit)
}

func TestPlacesSurviveRestart(t *testing.T) {
	n := limited(t)
	units := make([]string, 7)
	for i := range units {
		units[i] = n.few()
	}
	first, second := n.next(), n.next()
	second.status(Running, "Running: PID 8")
	n.stop()
	// Of two that ran one goes on, and the other is lost.
	n.processes.found[first.Dir], n.processes.found[second.Dir] = nil, ErrSupervisorGone
	n.start()
	started := []string{path.Base(n.next().Dir), path.Base(n.next().Dir), path.Base(n.next().Dir)}
	if !slices.Contains(started[:2], units[0]) || !slices.Contains(started[:2], units[1]) || started[2] != units[2] {
		t.Errorf("%v are attached to and started, want the first two of %v and then the third", started, units)
	}
	n.wantPlaces(units[3:]...)
	last := n.few()
	n.wantPlaces(append(units[3:], last)...)

	// With a lower limit those that run go on.
	n.stop()
	n.types[0].MaxParallel = 1
	n.processes.found[n.dir(units[2])] = nil
	n.start()
	running := []*testProcess{n.next(), n.next()}
	n.wantStatus(units[3], Pending, "Queued: number 1 of 5 that wait; 1 of this work type may run at once")
	running[0].exit(Succeeded, "exit status 0")
	if len(n.processes.started) != 0 {
		t.Error("a unit starts although as many run as may")
	}
	running[1].exit(Succeeded, "exit status 0")
	n.wantNext(units[3])
}

// Random arrivals, ends and restarts against a list.
func TestPlacesProperty(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		typ := Type{Name: "few", MaxParallel: rapid.IntRange(1, 4).Draw(t, "limit")}
		var p places
		var running, waiting []*command
		admitted := func(units []*command) {
			for _, c := range units {
				if len(waiting) == 0 || waiting[0] != c {
					t.Fatalf("unit %s starts out of turn", c.id)
				}
				waiting = waiting[1:]
				running = append(running, c)
			}
		}
		leave := func(from *[]*command, name string) {
			if len(*from) == 0 {
				return
			}
			i := rapid.IntRange(0, len(*from)-1).Draw(t, name)
			c := (*from)[i]
			*from = slices.Delete(*from, i, i+1)
			starts, moved := p.leave("few", c)
			admitted(starts)
			if want := waiting[:min(len(waiting), followedPlaces)]; len(moved) > 0 && !slices.Equal(moved, want) {
				t.Fatalf("%d units have moved, want %d", len(moved), len(want))
			}
			if again, moved := p.leave("few", c); len(again)+len(moved) != 0 {
				t.Fatalf("%d units start and %d move because one has left twice", len(again), len(moved))
			}
		}
		number := 0
		t.Repeat(map[string]func(*rapid.T){
			"arrive": func(*rapid.T) {
				number++
				c := &command{unit: &unit{id: fmt.Sprint(number % 7)}} // the ID does not matter
				if p.admit(typ, c) {
					running = append(running, c)
				} else {
					waiting = append(waiting, c)
				}
			},
			"end":    func(*rapid.T) { leave(&running, "ends") },
			"cancel": func(*rapid.T) { leave(&waiting, "canceled") },
			"restart": func(t *rapid.T) {
				all := rapid.Permutation(slices.Concat(running, waiting)).Draw(t, "order of IDs")
				p = places{}
				for _, c := range all {
					p.resume(typ, c, slices.Contains(running, c))
				}
				admitted(p.fillAll())
			},
			"": func(*rapid.T) {
				if len(running) > typ.MaxParallel || len(waiting) > 0 && len(running) < typ.MaxParallel {
					t.Fatalf("%d run and %d wait, the limit is %d", len(running), len(waiting), typ.MaxParallel)
				}
				for i, c := range waiting {
					want := fmt.Sprintf("Queued: number %d of %d that wait; %d of this work type may run at once", i+1, len(waiting), typ.MaxParallel)
					if got := p.describe("few", c, false); got != want {
						t.Fatalf("%q, want %q", got, want)
					}
				}
				for _, c := range running {
					if got := p.describe("few", c, false); got != "" {
						t.Fatalf("one that runs is %q", got)
					}
				}
			},
		})
	})
}

// Who follows a unit from another node sees its place, as far as that is near
// the front.
func TestPlaceIsFollowed(t *testing.T) {
	c := newCluster(t)
	c.follow = true
	a, b := c.node("a"), c.node("b")
	b.stop()
	b.types = []Type{{Name: "few", Command: "cat", MaxParallel: 2}}
	b.start()
	var units []string
	for range 2 + followedPlaces + 2 {
		sub, err := a.client().Submit(map[string]string{"node": "b", "worktype": "few"})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := sub.Finish(strings.NewReader("")); err != nil {
			t.Fatal(err)
		}
		units = append(units, sub.UnitID)
	}
	first, waiting := b.next(), units[2:]
	b.next()
	a.await(waiting[0], Pending, "Queued: number 1 of")
	a.await(waiting[followedPlaces-1], Pending, fmt.Sprintf("Queued: number %d of", followedPlaces))
	last := waiting[followedPlaces+1]
	a.await(last, Pending, fmt.Sprintf("Queued: %d or more wait before it; 2 of this work type may run at once", followedPlaces))
	first.exit(Succeeded, "exit status 0")
	b.next().exit(Succeeded, "exit status 0")
	b.next()
	a.await(waiting[2], Pending, "Queued: number 1 of")
	a.await(last, Pending, fmt.Sprintf("Queued: number %d of %d", followedPlaces, followedPlaces))
}
