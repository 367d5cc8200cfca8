package work

import (
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"receptor/control"
	"receptor/internal/propseed"
)

// seedFile holds the seed of the properties; see package propseed.
const seedFile = "../sim/testdata/seeds.txt"

func TestMain(m *testing.M) {
	if err := propseed.Use(seedFile); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	flag.Parse()
	os.Exit(m.Run())
}

// action is something that happens in the world.
type action struct{ kind, node, k, l int }

var actionKinds = []string{
	"submit", "submit", "submit", "step", "step", "step", "step", "break", "break", "cut", "part", "join",
	"kill", "power cut", "start", "start", "cancel", "release", "wait", "wait", "fill", "break disk", "mend disk",
}

func (a action) String() string {
	return fmt.Sprintf("%s %c %d %d", actionKinds[a.kind], 'a'+a.node, a.k, a.l)
}

func (w *world) do(a action) {
	node := string(rune('a' + a.node))
	switch actionKinds[a.kind] {
	case "submit":
		w.submit(a.k)
	case "step":
		if list := w.supervisors(); len(list) > 0 {
			list[a.k%len(list)].step()
		}
	case "break": // the next connection after so many bytes
		k, l := a.k, a.l
		w.c.mu.Lock()
		w.c.breakBy(func() (ours, theirs int) {
			w.c.breakBy(func() (ours, theirs int) { return -1, -1 })
			if a.node == 0 {
				return k, -1
			}
			return -1, l
		})
		w.c.mu.Unlock()
	case "cut":
		w.c.cut()
	case "part":
		w.part(true)
	case "join":
		w.part(false)
	case "kill":
		w.kill(node)
	case "power cut":
		w.powerCut(node)
	case "fill":
		w.fill(node)
	case "break disk":
		w.breakDisk(node, breakages[a.k%len(breakages)])
	case "mend disk":
		w.machines[node].fs.setBroken(nil)
	case "start":
		if w.nodes[node] == nil {
			w.start(node)
		}
	case "cancel", "release":
		if len(w.jobs) > 0 {
			w.order(w.jobs[a.k%len(w.jobs)], actionKinds[a.kind])
		}
	case "wait":
		time.Sleep(time.Duration(a.k) * 100 * time.Millisecond)
	}
	synctest.Wait()
}

// heal starts and joins all, and lets every command come to its end.
func (w *world) heal() {
	w.c.mu.Lock()
	w.c.breakBy(nil)
	w.c.mu.Unlock()
	for _, id := range []string{"a", "b"} {
		w.machines[id].fs.SetFree(2 * roomy)
		w.machines[id].fs.setBroken(nil)
		if w.nodes[id] == nil {
			w.start(id)
		}
	}
	w.part(false)
	for range 40 {
		time.Sleep(5 * time.Second)
		synctest.Wait()
		for _, s := range w.supervisors() {
			s.step()
			synctest.Wait()
		}
	}
}

// kept returns the content of a file of a unit, which may be in the journal, "" if there is
// none.
func (n *simNode) kept(id, name string) string {
	b, err := readFile(n.m.store.fs, path.Join(n.dir(id), name))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		n.t.Error(err)
	}
	return string(b)
}

// judge checks what has become of each unit.
func (w *world) judge() {
	a := w.nodes["a"]
	for _, j := range w.jobs {
		runs := w.machines[j.target].runs[j.stdin]
		if runs > 1 {
			w.complain("%s has run %d times", j.name, runs)
		}
		if j.id == "" {
			continue
		}
		r, err := a.m.find(j.id)
		switch {
		case err != nil && j.accepted && !j.released:
			w.complain("%s was accepted, and is lost: %v", j.name, err)
			continue
		case err != nil:
			continue
		case j.released && j.accepted && r.base().load().released:
			continue
		}
		s := r.base().load().status
		output, errOutput := a.kept(j.id, StdoutFile), a.kept(j.id, StderrFile)
		switch {
		case !s.State.Terminal():
			w.complain("%s is stuck: %v, %s", j.name, s.State, s.Detail)
		case s.State == Succeeded && (runs != 1 || output != "out of "+j.stdin):
			w.complain("%s has succeeded with %d runs and the output %q", j.name, runs, output)
		case s.State == Succeeded && (w.c.follow || j.target == "a") && errOutput != "err of "+j.stdin:
			w.complain("%s has succeeded with the stderr %q", j.name, errOutput)
		case s.State != Succeeded && j.accepted && !j.canceled && !j.disturbed:
			w.complain("%s is %v without a reason: %s", j.name, s.State, s.Detail)
		}
	}
	for id, m := range w.machines {
		for stdin := range m.runs {
			if !slices.ContainsFunc(w.jobs, func(j *job) bool { return j.stdin == stdin && j.target == id }) {
				w.complain("a command on %s got the stdin %q", id, stdin)
			}
		}
	}
}

// cleanUp releases all units, and wants nothing to be left of them.
func (w *world) cleanUp() {
	for _, r := range w.nodes["a"].m.all() {
		id := r.base().id
		w.ask(func(client *control.Client) { _, _ = client.Do("work release " + id) })
	}
	for range 20 {
		time.Sleep(time.Second)
		synctest.Wait()
		for _, s := range w.supervisors() {
			s.step()
		}
	}
	for id, m := range w.machines {
		if left := m.left(id); len(left) > 0 {
			w.complain("on %s is left %v", id, left)
		}
	}
}

// run plays actions, and returns what went wrong.
func run(t *testing.T, seed uint64, follow, journal bool, actions []action) (problems []string) {
	bubble(t, func(t *testing.T, c *cluster) {
		c.follow, c.journal = follow, journal
		w := newWorld(t, c, seed)
		for _, a := range actions {
			w.do(a)
		}
		w.heal()
		w.judge()
		w.cleanUp()
		w.kill("a")
		w.kill("b")
		w.clients.Wait()
		problems = w.problems
	})
	return problems
}

// Whatever fails and whenever, a unit runs at most once, comes to an end, and
// what was acknowledged is not lost.
func TestUnitsSurvive(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		actions := rapid.SliceOfN(rapid.Custom(func(rt *rapid.T) action {
			return action{
				kind: rapid.IntRange(0, len(actionKinds)-1).Draw(rt, "kind"),
				node: rapid.IntRange(0, 1).Draw(rt, "node"),
				k:    rapid.IntRange(0, 400).Draw(rt, "k"),
				l:    rapid.IntRange(0, 150).Draw(rt, "l"),
			}
		}), 1, 40).Draw(rt, "actions")
		seed := rapid.Uint64().Draw(rt, "seed")
		follow := rapid.Bool().Draw(rt, "follow")
		journal := rapid.Bool().Draw(rt, "journal")
		if problems := run(t, seed, follow, journal, actions); len(problems) > 0 {
			rt.Fatalf("%s\nafter %v", strings.Join(problems, "\n"), actions)
		}
	})
}

// A node is killed when it has started a supervisor, and starts another one, which fails as
// the disk is broken. By the time at which that can be written down the first one has the unit:
// it goes by the order to cancel, and nobody else says how it ends.
func TestTwoSupervisors(t *testing.T) {
	for i, breakage := range breakages {
		if problems := run(t, 1, true, false, []action{
			{kind: kindOf("submit"), k: 4}, {kind: kindOf("kill")}, {kind: kindOf("start")}, {kind: kindOf("cancel")},
			{kind: kindOf("break disk"), k: i}, {kind: kindOf("step"), k: 1},
			{kind: kindOf("mend disk")}, {kind: kindOf("step")}, {kind: kindOf("wait"), k: 150},
		}); len(problems) > 0 {
			t.Errorf("%v: %v", breakage, problems)
		}
	}
}

func kindOf(name string) int { return slices.Index(actionKinds, name) }
