package work

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
)

// A node that has something new to say all the time does not have this one's disk
// work all the time. It is shown at once, and on disk when this node stops.
func TestDetailsAreWrittenSeldom(t *testing.T) {
	bubble(t, func(t *testing.T, c *cluster) {
		a := c.node("a")
		id, s, _ := playedFollow(t, c, a)
		s.expect(`"unitid":"remote01"`)
		synctest.Wait()
		before := len(a.fs.history(a.dir(id)))
		for k := range 100 {
			s.send(`{"unitid":"remote01","state":{"state":1,"detail":"Running: %d","size":0}}`+"\n", k)
			synctest.Wait()
			a.wantStatus(id, Running, fmt.Sprint("Running: ", k))
		}
		if changes := a.fs.history(a.dir(id))[before:]; len(changes) > 10 {
			t.Errorf("%d changes on disk for 100 details: %v…", len(changes), changes[:10])
		}
		a.stop()
		if got := a.fs.get(a.dir(id) + "/status"); !strings.Contains(got, "Running: 99") {
			t.Errorf("on disk is %s", got)
		}
		s.conn.abort()
	})
}
