package work

import (
	"io"
	"slices"
	"strings"
	"testing"
	"time"
)

// floored has the node keep 100 MiB free from now on, of which there is a byte
// more.
func (n *testNode) floored() *testNode {
	n.stop()
	n.minFree = 100 << 20
	n.fs.SetFree(n.minFree + 1<<20)
	n.start()
	return n
}

func TestSpaceForUnits(t *testing.T) {
	n := newCluster(t).node("a").floored()
	unit, _ := n.submit("a", "")
	p := n.next()
	if p.MinFree != 100<<20 {
		t.Errorf("the supervisor is told to keep %d bytes free", p.MinFree)
	}
	n.fs.SetFree(100<<20 - 1)
	const want = "ERROR: no space for another unit: its disk has 99 MiB left, and this node keeps 100 MiB free (minfreespace)"
	for _, command := range []string{"work submit a cat", "work submit b cat"} {
		if got := n.do(command); got != want {
			t.Errorf("%s: %s, want %s", command, got, want)
		}
	}
	if len(n.m.all()) != 1 {
		t.Error("a unit was made all the same")
	}
	const problem = "units of work: no space for another unit: " + lowSpace
	if err := n.m.Problem(); err == nil || err.Error() != problem {
		t.Errorf("the problem of the node is %v, want %s", err, problem)
	}
	p.output("more")
	p.exit(Succeeded, "exit status 0")
	n.wantStatus(unit, Succeeded, "exit status 0")
	n.fs.SetFree(100 << 20)
	n.submit("a", "")
	n.next()
	if err := n.m.Problem(); err != nil {
		t.Errorf("with enough space the problem of the node is %v", err)
	}
	// The operator is told once of each, not with each refusal.
	var told []string
	for len(n.events) > 0 {
		switch e := (<-n.events).(type) {
		case SpaceShort:
			told = append(told, e.Err.Error())
		case SpaceEnough:
			told = append(told, "enough")
		}
	}
	if want := []string{lowSpace, "enough"}; !slices.Equal(told, want) {
		t.Errorf("the operator is told %q, want %q", told, want)
	}
}

const lowSpace = "its disk has 99 MiB left, and this node keeps 100 MiB free (minfreespace)"

// A stdin for which there is no space ends its unit, also one that could be
// submitted again, and what there is of it goes.
func TestSpaceForInput(t *testing.T) {
	for _, fields := range []map[string]string{
		{"node": "a", "worktype": "cat"}, {"node": "b", "worktype": "cat"}, {"node": "a", "worktype": "cat", paramSubmission: "key"},
	} {
		c := newCluster(t)
		a, b := c.node("a").floored(), c.node("b")
		sub, err := a.client().Submit(fields)
		if err != nil {
			t.Fatal(err)
		}
		// There is space at first: what comes goes to a file.
		stdin := io.MultiReader(strings.NewReader(strings.Repeat("x", lookEvery)), onRead(func() { a.fs.SetFree(100<<20 - 1) }), strings.NewReader(strings.Repeat("x", 40<<10)))
		want := "receive the stdin of unit " + sub.UnitID + ": no space for it: " + lowSpace
		if result, err := sub.Finish(stdin); err == nil || err.Error() != want {
			t.Errorf("the client is told %q, %v; want %s", result, err, want)
		}
		a.wantStatus(sub.UnitID, Failed, "Error reading input data: no space for it: "+lowSpace)
		if left := a.fs.get(a.dir(sub.UnitID) + "/stdin"); left != "" {
			t.Errorf("%q is left of its stdin", left)
		}
		a.fs.SetFree(200 << 20)
		if _, result := a.submit("b", "input"); result != "Job Started" {
			t.Errorf("the next unit: %s", result)
		}
		b.next()
	}
}

// Output that comes from another node stays there until there is space for it.
func TestSpaceForRemoteOutput(t *testing.T) {
	for _, follow := range []bool{false, true} {
		bubble(t, func(t *testing.T, c *cluster) {
			c.follow = follow
			a, b := c.node("a").floored(), c.node("b")
			id, _ := a.submit("b", "")
			p := b.next()
			p.status(Running, "Running: PID 7")
			a.await(id, Running, "Running: PID 7")
			a.fs.SetFree(100<<20 - 1)
			output := strings.Repeat("x", 2*lookEvery)
			p.output(output)
			a.await(id, Running, "Running: PID 7; store the output of unit "+id+": "+lowSpace)
			p.exit(Succeeded, "exit status 0")
			time.Sleep(time.Hour)
			if stored := a.fs.get(a.dir(id) + "/stdout"); stored != "" {
				t.Errorf("%d bytes were stored all the same", len(stored))
			}
			a.fs.SetFree(200 << 20)
			time.Sleep(2 * retryLast)
			a.wantStatus(id, Succeeded, "exit status 0")
			a.wantEnd(a.results(id, 0), output)
		})
	}
}

// A look costs a system call, so there is one for many small writes; and what is
// written between two of them is bounded.
func TestFloorLooksSeldom(t *testing.T) {
	const piece, min = 100, 1 << 20
	fsys := &countingFS{memFS: newMemFS(), free: 3 << 20}
	floor := NewFloor(fsys, "/", min)
	written := 0
	for ; floor.Take(piece) == nil; written += piece {
		fsys.free -= piece
	}
	if fsys.free < min-lookEvery || fsys.free > min {
		t.Errorf("%d bytes are left, want about %d", fsys.free, min)
	}
	if most := written/lookEvery + 2; fsys.looks > most {
		t.Errorf("%d looks for %d bytes, want at most %d", fsys.looks, written, most)
	}
	if floor.Take(1) != nil && fsys.free > min {
		t.Error("it fails although there is space")
	}
	fsys.free = min
	if err := floor.Take(1); err == nil {
		t.Error("the last byte above the floor and one more")
	}
	fsys.free = min + 1
	if err := floor.Take(1); err != nil {
		t.Errorf("there is space again: %v", err)
	}
}

type countingFS struct {
	*memFS
	free  int64
	looks int
}

func (c *countingFS) Free(string) (int64, error) {
	c.looks++
	return c.free, nil
}

func TestBytesText(t *testing.T) {
	for n, want := range map[int64]string{
		0: "0 bytes", 1023: "1023 bytes", 1024: "1 KiB", 5<<20 + 1: "5 MiB", 7 << 30: "7 GiB", 3 << 40: "3 TiB", 5000 << 40: "5000 TiB",
	} {
		if got := bytesText(n); got != want {
			t.Errorf("%d: %s, want %s", n, got, want)
		}
	}
}

// onRead is a reader of nothing that does something.
type onRead func()

func (f onRead) Read([]byte) (int, error) {
	f()
	return 0, io.EOF
}
