package work

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"receptor/sim/disk"
)

// A node that has lost the unit must not run it again.
func TestNodeHasLostTheUnit(t *testing.T) {
	c := newCluster(t)
	a := c.node("a")
	accept := c.played("b")
	c.plain["b"] = false
	id, _ := a.submitLater("b", "input")
	s := accept().greet()
	s.expect(`"receptor_submission"`)
	s.send("Work unit created with ID remote01. Send stdin data from byte 0 and EOF.\n")
	a.awaitRemoteID(id, "remote01")
	s.conn.abort()
	c.clock.waitTimer(t, retryFirst)
	c.clock.advance(retryFirst)
	s = accept().greet()
	s.expect(`"receptor_submission"`)
	s.send("Work unit created with ID remote02. Send stdin data from byte 0 and EOF.\n")
	if rest, err := s.in.ReadString('\n'); !errors.Is(err, errCut) || rest != "" {
		t.Errorf("then came %q, %v", rest, err)
	}
	a.await(id, Failed, "Remote work unit is gone")
	// What it has made is not left there.
	s = accept().greet()
	s.expect(`"subcommand":"cancel","unitid":"remote02"`)
	s.send("{\"cancelled\":\"remote02\"}\n")
}

// As long as the disk does not take the name of the unit, the end of stdin is not
// sent: after a crash nobody could tell that unit from one made anew.
func TestNameIsNotOnDisk(t *testing.T) {
	c := newCluster(t)
	a := c.node("a")
	accept := c.played("b")
	c.plain["b"] = false
	id, _ := a.submitLater("b", "input")
	s := accept().greet()
	s.expect(`"receptor_submission"`)
	a.fs.setBroken(func(_ disk.Op, name string) error {
		if strings.Contains(name, "/status") {
			return errDisk
		}
		return nil
	})
	s.send("Work unit created with ID remote01. Send stdin data from byte 0 and EOF.\n")
	if rest, err := s.in.ReadString('\n'); !errors.Is(err, errCut) || rest != "" {
		t.Errorf("then came %q, %v", rest, err)
	}
	a.await(id, Pending, "keep the name that unit "+id+" has on node b")
	a.fs.setBroken(nil)
	c.clock.waitTimer(t, retryFirst)
	c.clock.advance(retryFirst)
	s = accept().greet()
	s.expect(`"receptor_submission"`)
	s.send("Work unit created with ID remote01. Send stdin data from byte 0 and EOF.\n")
	if rest, err := io.ReadAll(s.in); err != nil || string(rest) != "input" {
		t.Errorf("then came %q, %v", rest, err)
	}
	if got := a.await(id, Pending, "").Detail; got != "Starting Worker" {
		t.Errorf("detail %q", got)
	}
	if got := a.fs.get(a.dir(id) + "/status"); !strings.Contains(got, `"RemoteUnitID":"remote01"`) {
		t.Errorf("status %s", got)
	}
}

// The other node loses its disk, or somebody releases the unit there and the node
// forgets its key, wherever a submission has come to: the unit never runs twice,
// fails if it is lost, and leaves nothing.
func TestSubmissionIsForgotten(t *testing.T) {
	const stdin = "0123456789"
	for _, how := range []string{"disk lost", "key expired"} {
		ends := make(map[State]int)
		for cut, past := 200, 0; past < 3; cut++ { // the command is as long as that
			t.Run(fmt.Sprint(how, cut), func(t *testing.T) {
				bubble(t, func(t *testing.T, c *cluster) {
					a, b := c.node("a"), c.node("b")
					c.breakBy(func() (ours, theirs int) { return cut, -1 })
					id, result := a.submitLater("b", stdin)
					synctest.Wait()
					c.setDown("b", errors.New("no route to node b"))
					c.breakBy(nil)
					c.cut()
					started := b.processes.starts
					if started > 0 {
						past++
						b.next().exit(Succeeded, "exit status 0")
					}
					if how == "disk lost" {
						b.stop()
						b.fs.RemoveAll("/data/b")
						b.start()
					} else {
						for _, r := range b.m.all() {
							b.do("work force-release " + r.base().id)
						}
						time.Sleep(keyLife + time.Second)
					}
					<-result
					c.setDown("b", nil)
					a.m.NodeReachable("b")
					for range 100 {
						time.Sleep(time.Second)
						synctest.Wait()
						for len(b.processes.started) > 0 {
							b.next().exit(Succeeded, "exit status 0")
						}
					}
					r, err := a.m.find(id)
					if err != nil {
						t.Fatal(err)
					}
					s := r.base().load().status
					ends[s.State]++
					switch {
					case b.processes.starts > 1:
						t.Errorf("%d starts", b.processes.starts)
					case started == 0 && s.State == Succeeded && b.processes.starts == 1:
					case s.State == Failed && s.Detail == detailGone && b.processes.starts == started:
					default:
						t.Errorf("%d starts before and %d in all, unit is %v, %s", started, b.processes.starts, s.State, s.Detail)
					}
					a.do("work release " + id)
					if left := append(a.left(), b.left()...); len(left) != 0 {
						t.Errorf("left: %v", left)
					}
				})
			})
		}
		if ends[Succeeded] == 0 || ends[Failed] == 0 {
			t.Errorf("%s: units ended as %v, want some of each", how, ends)
		}
	}
}
