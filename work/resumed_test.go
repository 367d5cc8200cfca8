package work

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"testing"
)

// Who goes on to read long output gets what is new at once: the sum of the whole is
// made when there is nothing to send.
func TestNewOutputComesFirst(t *testing.T) {
	n := newCluster(t).node("a")
	id, _ := n.submit("a", "")
	p := n.next()
	old, fresh := strings.Repeat("o", 3*followPiece+5), strings.Repeat("f", followPiece+1)
	p.output(old + fresh)
	r, err := n.m.find(id)
	if err != nil {
		t.Fatal(err)
	}
	o := flow{pos: int64(len(old)), sum: sha256.New()}
	buf := make([]byte, followPiece)
	var got []byte
	hashes := 0
	size := int64(len(old) + len(fresh))
	for {
		b, k, err := o.next(r.base(), outStream, buf, size)
		if err != nil {
			t.Fatal(err)
		}
		if got = append(got, b...); k == 0 {
			break
		}
		if len(b) == 0 {
			hashes++
		}
		if len(b) > 0 && hashes > 0 && len(got) <= len(fresh) {
			t.Error("it was kept waiting")
		}
		if hashes == 2 && size == int64(len(old)+len(fresh)) { // more comes in between
			p.output("more")
			size += 4
		}
	}
	if string(got) != fresh+"more" {
		t.Errorf("sent %d bytes, want those from byte %d on", len(got), len(old))
	}
	want := sha256.Sum256([]byte(old + fresh + "more"))
	if o.hashed != size || o.text() != hex.EncodeToString(want[:]) {
		t.Errorf("%d bytes with SHA-256 %s, want %d with %x", o.hashed, o.text(), size, want)
	}
}

// The check of long output, which came in several sessions, holds up the output of no other unit.
func TestCheckHoldsUpNobody(t *testing.T) {
	following(t, func(t *testing.T, c *cluster, a, b *testNode) {
		var units []string
		var processes []*testProcess
		for range 2 {
			id, _ := a.submit("b", "")
			units, processes = append(units, id), append(processes, b.next())
			processes[len(units)-1].output("old ")
			a.wantOutput(a.results(id, 0), "old ")
		}
		a.stop()
		release := make(chan struct{})
		a.fs.beforeOpen(func(name string) {
			if name == a.dir(units[0])+"/stdout" {
				<-release
			}
		})
		a.start()
		live := a.results(units[1], 4)
		processes[0].output("new")
		processes[0].exit(Succeeded, "exit status 0")
		processes[1].output("new")
		a.wantOutput(live, "new")
		a.wantStatus(units[0], Running, "")
		close(release)
		a.await(units[0], Succeeded, "exit status 0")
		processes[1].exit(Succeeded, "exit status 0")
		a.await(units[1], Succeeded, "exit status 0")
		for _, id := range units {
			a.wantEnd(a.results(id, 0), "old new")
		}
	})
}
