package work

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
)

// A node that calls two units by one name would have the orders about one, and
// the output of the other: the second one fails, without its stdin being sent.
func TestTwoUnitsOfOneName(t *testing.T) {
	for _, plain := range []bool{true, false} {
		t.Run(fmt.Sprint(plain), func(t *testing.T) {
			c := newCluster(t)
			a := c.node("a")
			accept := c.played("b")
			c.plain["b"] = plain
			from := map[bool]string{true: "", false: " from byte 0"}[plain]
			first, _ := a.submitLater("b", "first")
			s := accept().greet()
			s.expect(`"subcommand":"submit"`)
			s.send("Work unit created with ID remote01. Send stdin data%s and EOF.\n", from)
			a.awaitRemoteID(first, "remote01")

			second, _ := a.submitLater("b", "second")
			s = accept().greet()
			s.expect(`"subcommand":"submit"`)
			s.send("Work unit created with ID remote01. Send stdin data%s and EOF.\n", from)
			if rest, err := s.in.ReadString('\n'); !errors.Is(err, errCut) || rest != "" {
				t.Errorf("then came %q, %v", rest, err)
			}
			a.await(second, Failed, "node b has answered with unit remote01, which is that of unit "+first+" here")

			released := make(chan string, 1)
			go func() { released <- a.do("work release " + second) }()
			if !plain {
				s = accept().greet()
				s.expect(`"receptor_submission":"a/` + second + `/`)
				s.send("{\"released\":\"remote01\"}\n")
				if got := <-released; !strings.Contains(got, "which is that of unit "+first) {
					t.Errorf("release: %s", got)
				}
				go func() { released <- a.do("work force-release " + second) }()
			}
			if got := <-released; got != `{"released":"`+second+`"}` {
				t.Errorf("release: %s", got)
			}
			a.wantStatus(first, Pending, "")
		})
	}
}

// A name is free again when the unit is released, and is not before, over a restart.
func TestNamesAreGivenBack(t *testing.T) {
	c := newCluster(t)
	a, b := c.node("a"), c.node("b")
	id, _ := a.submit("b", "")
	b.next().exit(Succeeded, "exit status 0")
	a.await(id, Succeeded, "")
	a.stop()
	a.start()
	if got := a.m.names; len(got) != 1 || got[remoteName{"b", a.remoteID(id)}] != id {
		t.Errorf("names %v", got)
	}
	a.do("work release " + id)
	if got := a.m.names; len(got) != 0 {
		t.Errorf("names %v after the release", got)
	}

	// Somebody has copied a directory.
	id, _ = a.submit("b", "")
	b.next().exit(Succeeded, "exit status 0")
	a.await(id, Succeeded, "")
	a.stop()
	a.fs.Put("/data/a/zzzzzzzz/status", a.fs.get(a.dir(id)+"/status"))
	a.start()
	if got := a.do("work status zzzzzzzz"); !strings.Contains(got, "damaged") || !strings.Contains(got, "which is that of unit "+id+" here") {
		t.Errorf("the copy: %s", got)
	}
	c.clock.advance(time.Hour)
	a.wantStatus(id, Succeeded, "exit status 0")
}
