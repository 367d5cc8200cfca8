package work

import (
	"errors"
	"strings"
	"testing"
)

// A unit that is complete may have left processes running. Its release waits
// for their ends.
func TestReleaseOfCompleteUnit(t *testing.T) {
	complete := func(t *testing.T) (n *testNode, id string, p *testProcess) {
		n = newCluster(t).node("a")
		id, _ = n.submit("a", "")
		p = n.next()
		p.status(Succeeded, "exit status 0")
		return n, id, p
	}
	released := func(n *testNode, id string) chan string {
		answer, client := make(chan string, 1), n.client()
		go func() {
			text, _ := client.Do("work release " + id) // the node may stop meanwhile
			answer <- string(text)
		}()
		return answer
	}
	want := func(t *testing.T, n *testNode, id, answer string) {
		t.Helper()
		if answer != `{"released":"`+id+`"}` {
			t.Errorf("answer %s", answer)
		}
		if left := n.left(); len(left) != 0 {
			t.Errorf("left: %v", left)
		}
	}
	t.Run("whose supervisor stays", func(t *testing.T) {
		n, id, p := complete(t)
		answer := released(n, id)
		<-p.canceled
		n.wantStatus(id, Succeeded, "exit status 0")
		p.watcher.Ended(true, "exit status 0")
		want(t, n, id, <-answer)
	})
	t.Run("whose supervisor is just about to end", func(t *testing.T) {
		n, id, p := complete(t)
		n.processes.found[p.Dir] = ErrSupervisorGone
		s, err := ReadStatus(n.fs, p.Dir)
		s.Done = true
		if err = errors.Join(err, WriteStatus(n.fs, p.Dir, s)); err != nil {
			t.Fatal(err)
		}
		p.watcher.StatusChanged()
		want(t, n, id, n.do("work release "+id))
		if len(p.canceled) > 0 || !p.gone {
			t.Error("it was asked to end, or is watched")
		}
		p.watcher.Ended(true, "exit status 0") // is too late
	})
	t.Run("whose supervisor stays over a restart", func(t *testing.T) {
		n, id, p := complete(t)
		n.stop()
		n.processes.found[p.Dir] = nil
		n.start()
		if len(n.processes.started) != 0 {
			t.Error("it is watched before anybody asks")
		}
		answer := released(n, id)
		p = n.next()
		<-p.canceled
		n.stop() // before that has an end
		n.start()
		p = n.next() // which it asks again
		<-p.canceled
		p.watcher.Ended(true, "exit status 0")
		<-answer
		want(t, n, id, `{"released":"`+id+`"}`)
	})
	t.Run("whose supervisor was killed", func(t *testing.T) {
		n, id, p := complete(t)
		n.stop()
		n.processes.found[p.Dir] = ErrSupervisorGone
		n.start()
		want(t, n, id, n.do("work release "+id))
		if p := n.next(); !p.swept {
			t.Error("what it has left was not looked for")
		}
	})
	t.Run("whose supervisor cannot be found", func(t *testing.T) {
		n, id, p := complete(t)
		n.stop()
		n.processes.found[p.Dir] = errors.New("no luck")
		n.start()
		if got := n.do("work release " + id); !strings.Contains(got, "force-release removes the unit all the same): no luck") {
			t.Errorf("answer %s", got)
		}
		want(t, n, id, n.do("work force-release "+id))
	})
}
