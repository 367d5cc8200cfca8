package work

import (
	"strings"
	"testing"
	"time"

	"receptor/sim/disk"
)

// Output that the disk does not take is fetched again.
func TestDiskFull(t *testing.T) {
	c := newCluster(t)
	a, b := c.node("a"), c.node("b")
	id, _ := a.submit("b", "")
	p := b.next()
	p.status(Running, "Running: PID 7")
	a.learns(id)
	a.fs.setBroken(func(op disk.Op, name string) error {
		if op == "write" && strings.HasSuffix(name, "/stdout") {
			return errDisk
		}
		return nil
	})
	p.output("0123")
	a.m.exchanges.Wait()
	a.fs.setBroken(nil)
	c.clock.advance(time.Second)
	live := a.results(id, 0)
	a.wantOutput(live, "0123")
	p.exit(Succeeded, "exit status 0")
	a.wantEnd(live, "")
	a.wantStatus(id, Succeeded, "exit status 0")
}

// The detail says that the disk does not take the output; a unit does not end
// before its output is safe, and goes on from what was.
func TestOutputCannotBeStored(t *testing.T) {
	for k, broken := range []disk.Op{disk.Create, disk.Write, disk.Sync, disk.Create, disk.Write, disk.Sync} {
		t.Run(string(broken), func(t *testing.T) {
			bubble(t, func(t *testing.T, c *cluster) {
				c.follow = k > 2
				a, b := c.node("a"), c.node("b")
				id, _ := a.submit("b", "")
				p := b.next()
				p.status(Running, "Running: PID 7")
				time.Sleep(2 * time.Second)
				if broken == disk.Create { // when it is opened again
					a.stop()
				}
				a.fs.setBroken(func(op disk.Op, name string) error {
					if op == broken && strings.HasSuffix(name, "/stdout") {
						return errDisk
					}
					return nil
				})
				if broken == disk.Create {
					a.start()
				}
				p.output("0123")
				p.exit(Succeeded, "exit status 0")
				c.mu.Lock()
				c.dials = 0
				c.mu.Unlock()
				time.Sleep(time.Minute)
				a.wantStatus(id, Running, "Running: PID 7; store the output of unit "+id)
				if n := c.dialled(); n > 100 {
					t.Errorf("it was tried %d times in a minute", n)
				}
				a.fs.setBroken(nil)
				time.Sleep(time.Minute)
				a.wantStatus(id, Succeeded, "exit status 0")
				a.fs.PowerCut(disk.LoseAll, nil)
				if got := a.fs.get(a.dir(id) + "/stdout"); got != "0123" {
					t.Errorf("safe output %q", got)
				}
			})
		})
	}
}
