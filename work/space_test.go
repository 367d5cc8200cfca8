package work

import "testing"

func TestSpaceForUnits(t *testing.T) {
	c := newCluster(t)
	n := c.node("a")
	unit, _ := n.submit("a", "")
	p := n.next()
	n.m.minFree, n.fs.free = 100<<20, 100<<20-1
	const want = "ERROR: no space for another unit: its disk has 99 MiB left, and this node keeps 100 MiB free (minfreespace)"
	for _, command := range []string{"work submit a cat", "work submit b cat"} {
		if got := n.do(command); got != want {
			t.Errorf("%s: %s, want %s", command, got, want)
		}
	}
	if len(n.m.all()) != 1 {
		t.Error("a unit was made all the same")
	}
	p.output("more")
	p.exit(Succeeded, "exit status 0")
	n.wantStatus(unit, Succeeded, "exit status 0")
	n.fs.free++
	n.submit("a", "")
	n.next()
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
