package journal

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"path"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"receptor/sim/disk"
	"receptor/work/vfs"
)

var errKilled = errors.New("killed")

// crowd is several who use one file system at the same time, on a disk that is slow, breaks, and
// whose power is cut, in several lives.
type crowd struct {
	t       *testing.T
	d       *disk.Disk
	f       *FS
	killed  *atomic.Bool // whoever has f
	members []*member
	rand    *rand.Rand
}

// member makes a unit, works on it and removes it, again and again. Its status is replaced, and
// has a number; its output grows.
type member struct {
	*crowd
	name string
	rand *rand.Rand
	made int

	id           string
	maybe        bool // the unit exists, or may
	surely       bool
	safe, last   int // numbers of statuses: of the last that is safe, and of the last that was tried
	text         string
	safeText     int      // so many bytes of it are safe
	tainted      bool     // a sync of it has failed
	named        bool     // its name is safe
	out          vfs.File // open for longer, or nil
	outIsUpdated bool
}

func newCrowd(t *testing.T, seed uint64, members int) *crowd {
	c := &crowd{t: t, d: newDisk(disk.Options{Sleep: time.Sleep}), rand: rand.New(rand.NewPCG(seed, 0))}
	for i := range members {
		c.members = append(c.members, &member{crowd: c, name: string(rune('a' + i)), rand: rand.New(rand.NewPCG(seed, uint64(i+1)))})
	}
	return c
}

// start starts the process, as package work does, and judges what it finds.
func (c *crowd) start() {
	killed := new(atomic.Bool)
	c.killed = killed
	c.f = start(c.t, c.d.For(func() error {
		if killed.Load() {
			return errKilled
		}
		return nil
	}))
	must(c.t, c.f.SyncDir(above))
	for _, name := range units(c.f) {
		if id, _, temporary := strings.Cut(name, "."); temporary {
			must(c.t, c.f.RemoveAll(path.Join(above, id)), c.f.RemoveAll(path.Join(above, name)), c.f.SyncDir(above))
		}
	}
	names := units(c.f)
	for _, m := range c.members {
		m.judge(slices.Contains(names, m.id))
		names = slices.DeleteFunc(names, func(name string) bool { return name == m.id })
	}
	if len(names) > 0 {
		c.t.Errorf("units are back: %v", names)
	}
}

// live has all members work for a while, then kills them.
func (c *crowd) live(d time.Duration, closes bool) {
	c.d.SetLatency(time.Duration(1+c.rand.IntN(3000)) * time.Microsecond)
	var all sync.WaitGroup
	for _, m := range c.members {
		all.Go(func() {
			for !c.killed.Load() {
				m.act()
				time.Sleep(time.Duration(m.rand.IntN(3000)) * time.Microsecond)
			}
		})
	}
	settles := rand.New(rand.NewPCG(c.rand.Uint64(), 0))
	all.Go(func() {
		for !c.killed.Load() {
			_ = c.f.Settle()
			wantSizes(c.t, c.f)
			time.Sleep(time.Duration(settles.IntN(50)) * time.Millisecond)
		}
	})
	breaks := rand.New(rand.NewPCG(c.rand.Uint64(), 1))
	for until := time.Now().Add(d); time.Now().Before(until); {
		time.Sleep(time.Duration(c.rand.IntN(40)) * time.Millisecond)
		c.d.SetFault(func(op disk.Op, _ string) error {
			if op.Changes() && breaks.IntN(4) == 0 {
				return disk.ErrIO
			}
			return nil
		})
		time.Sleep(time.Duration(c.rand.IntN(20)) * time.Millisecond)
		c.d.SetFault(nil)
	}
	if closes {
		if err := c.f.Close(); err != nil {
			c.t.Errorf("close: %v", err)
		}
	}
	c.killed.Store(true)
	all.Wait()
	c.d.SetLatency(0)
	c.d.SetFault(nil)
}

func (m *member) dir() string { return path.Join(above, m.id) }

func (m *member) complain(format string, args ...any) {
	m.t.Errorf("unit %s (status %d to %d, %d of %d bytes): %s", m.id, m.safe, m.last, m.safeText, len(m.text), fmt.Sprintf(format, args...))
}

// act does one thing.
func (m *member) act() {
	if !m.surely {
		if m.maybe {
			m.clear()
		} else {
			m.make()
		}
		return
	}
	switch m.rand.IntN(9) {
	case 0:
		m.remove()
	case 1, 2, 3:
		m.replace()
	case 4, 5, 6:
		m.write()
	case 7:
		m.reopen()
	case 8:
		m.look()
	}
}

// status is a status with a number.
func (m *member) status(n int) string {
	return fmt.Sprintf("%s %d %s.", m.id, n, strings.Repeat("-", n*997%1500))
}

func (m *member) make() {
	m.made++
	m.id = fmt.Sprint(m.name, m.made)
	m.maybe, m.safe, m.last, m.text, m.safeText, m.tainted = true, 0, 0, "", 0, false
	m.named = false
	m.surely = makeUnit(m.f, m.id, m.status(0)) == nil
}

func (m *member) remove() {
	m.surely = false
	if m.rand.IntN(2) == 0 {
		m.close()
	}
	m.maybe = errors.Join(removeUnit(m.f, m.id), m.f.SyncDir(above)) != nil
	m.close()
}

// clear removes what is left of a unit that could not be made, or removed.
func (m *member) clear() {
	m.close()
	left := false
	for _, ending := range []string{"", ".new", ".released"} {
		left = m.f.RemoveAll(m.dir()+ending) != nil || left
	}
	m.maybe = left || m.f.SyncDir(above) != nil
}

func (m *member) replace() {
	m.last++
	name := m.dir() + "/status"
	err := put(m.f, name+".tmp", vfs.Create, m.status(m.last))
	if err == nil {
		err = m.f.Rename(name+".tmp", name)
	}
	if err == nil && m.f.SyncDir(m.dir()) == nil {
		m.safe = m.last
	}
}

// write adds to the output, now and then more than a young unit may have.
func (m *member) write() {
	if m.out == nil {
		if m.reopen(); m.out == nil {
			return
		}
	}
	more := strings.Repeat(fmt.Sprint(len(m.text)%10), m.rand.IntN(2000))
	if m.rand.IntN(30) == 0 {
		more = strings.Repeat(more, 20)
	}
	var n int
	if m.outIsUpdated {
		n, _ = m.out.WriteAt([]byte(more), int64(len(m.text)))
	} else {
		n, _ = m.out.Write([]byte(more))
	}
	m.text += more[:n]
	if m.rand.IntN(2) == 0 {
		return
	}
	m.tainted = m.out.Sync() != nil || m.tainted // a second sync does not make up for it
	m.named = m.named || m.f.SyncDir(m.dir()) == nil
	if m.named && !m.tainted {
		m.safeText = len(m.text)
	}
}

// reopen closes the output or opens it, in either way.
func (m *member) reopen() {
	if m.out != nil {
		m.close()
		return
	}
	mode := vfs.Append
	if m.outIsUpdated = len(m.text) > 0 && m.rand.IntN(2) == 0; m.outIsUpdated {
		mode = vfs.Update
	}
	if h, err := m.f.Open(m.dir()+"/stdout", mode); err == nil {
		m.out = h
	}
}

func (m *member) close() {
	if m.out != nil {
		_ = m.out.Close()
	}
	m.out = nil
}

// look reads the unit.
func (m *member) look() {
	status, text := get(m.f, m.dir()+"/status"), get(m.f, m.dir()+"/stdout")
	names := units(m.f)
	if m.killed.Load() {
		return
	}
	if !m.isStatus(status) {
		m.complain("its status is %.40q", status)
	}
	if m.text != "" && text != m.text {
		m.complain("its output has %d bytes", len(text))
	}
	if !slices.Contains(names, m.id) {
		m.complain("it is not in %v", names)
	}
}

func (m *member) isStatus(got string) bool {
	for n := m.safe; n <= m.last; n++ {
		if got == m.status(n) {
			return true
		}
	}
	return false
}

// judge tells what a crash must not have done to the unit, and goes on from what it has left.
func (m *member) judge(there bool) {
	m.out = nil
	if !there {
		if m.surely {
			m.complain("it is lost")
		}
		m.maybe, m.surely = false, false
		return
	}
	if !m.maybe {
		m.complain("it is back")
	}
	if m.surely { // or else it may be half removed
		if status := get(m.f, m.dir()+"/status"); !m.isStatus(status) {
			m.complain("after a crash its status is %.40q", status)
		}
		if text := get(m.f, m.dir()+"/stdout"); m.safeText > 0 && !strings.HasPrefix(text, m.text[:m.safeText]) {
			m.complain("after a crash its output has %d bytes", len(text))
		}
	}
	m.remove() // its output may be anything beyond what is safe
	if m.maybe {
		m.complain("it cannot be removed")
	}
}

// Whatever several do at the same time, fails, and is lost in between: what was synced is there,
// and what was removed is not.
func TestCrowd(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		seed := rapid.Uint64().Draw(rt, "seed")
		members := rapid.IntRange(1, 6).Draw(rt, "members")
		lives := rapid.IntRange(1, 3).Draw(rt, "lives")
		ok := t.Run(fmt.Sprint(seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { playCrowd(t, seed, members, lives) })
		})
		if !ok {
			rt.Fatalf("seed %d, %d members, %d lives", seed, members, lives)
		}
	})
}

func playCrowd(t *testing.T, seed uint64, members, lives int) {
	c := newCrowd(t, seed, members)
	for range lives {
		c.start()
		c.live(time.Duration(c.rand.IntN(300))*time.Millisecond, c.rand.IntN(3) == 0)
		if cut := c.rand.IntN(4); cut < 3 {
			c.d.PowerCut(disk.Loss(cut), c.rand)
		}
	}
	c.start()
	must(t, c.f.SyncDir(above))
	if f := c.f; len(f.young)+len(f.gone)+len(f.renamed)+f.size != 0 {
		t.Errorf("of nothing there are %d young with %d bytes, %d gone and %d renamed", len(f.young), f.size, len(f.gone), len(f.renamed))
	}
}
