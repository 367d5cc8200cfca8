package work

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// following is a bubble in which node a gives work to node b, and b tells a of
// it by itself.
func following(t *testing.T, f func(t *testing.T, c *cluster, a, b *testNode)) {
	bubble(t, func(t *testing.T, c *cluster) {
		c.follow = true
		a, b := c.node("a"), c.node("b")
		f(t, c, a, b)
		a.stop()
		b.stop()
	})
}

// No time passes before the submitter knows what happens, whatever the number
// of units, and all of them share one session, which ends when it is of no use.
func TestFollow(t *testing.T) {
	following(t, func(t *testing.T, c *cluster, a, b *testNode) {
		began := time.Now()
		var units []string
		var processes []*testProcess
		for range 5 {
			id, _ := a.submit("b", "")
			units, processes = append(units, id), append(processes, b.next())
		}
		synctest.Wait()
		if c.dialled() != 2 {
			t.Errorf("%d connections, want one for the submissions and one for the news", c.dialled())
		}
		for i, p := range processes {
			p.status(Running, fmt.Sprint("Running: PID ", i))
			a.await(units[i], Running, fmt.Sprint("Running: PID ", i))
			live := a.results(units[i], 0)
			p.output(strings.Repeat("x", i*followPiece))
			a.wantOutput(live, strings.Repeat("x", i*followPiece))
			p.output("end")
			p.exit(Failed, "exit status 3")
			a.wantEnd(live, "end")
			a.wantStatus(units[i], Failed, "exit status 3")
		}
		if took := time.Since(began); took != 0 {
			t.Errorf("it took %v of waiting", took)
		}
		if c.dialled() != 2 {
			t.Errorf("%d connections at the end", c.dialled())
		}
		time.Sleep(pullIdle + time.Second) // virtual
		a.m.exchanges.Wait()
		a.m.pulls.Lock()
		defer a.m.pulls.Unlock()
		if n := len(a.m.pullers); n != 0 {
			t.Errorf("%d sessions are left without a unit", n)
		}
	})
}

// The session breaks while output is on its way: nothing is missing, nothing
// comes twice.
func TestFollowBreaks(t *testing.T) {
	following(t, func(t *testing.T, c *cluster, a, b *testNode) {
		id, _ := a.submit("b", "")
		p := b.next()
		live := a.results(id, 0)
		p.output("0123")
		a.wantOutput(live, "0123")
		c.cut()
		p.output("4567")
		a.wantOutput(live, "4567")
		c.cut()
		p.output("89")
		p.exit(Succeeded, "exit status 0")
		a.wantEnd(live, "89")
		a.await(id, Succeeded, "exit status 0")
	})
}

// The node restarts: its units are taken up in a session with the new one.
func TestFollowThroughRestarts(t *testing.T) {
	following(t, func(t *testing.T, c *cluster, a, b *testNode) {
		id, _ := a.submit("b", "")
		p := b.next()
		live := a.results(id, 0)
		p.output("01")
		a.wantOutput(live, "01")
		b.stop()
		b.processes.found[p.Dir] = nil
		b.start()
		p = b.next()
		a.m.NodeReachable("b")
		p.output("23")
		a.wantOutput(live, "23")
		a.stop()
		p.output("45")
		a.start()
		live = a.results(id, 0)
		a.wantOutput(live, "012345")
		p.exit(Succeeded, "exit status 0")
		a.wantEnd(live, "")
		a.await(id, Succeeded, "exit status 0")
	})
}

func TestFollowCancelAndRelease(t *testing.T) {
	following(t, func(t *testing.T, c *cluster, a, b *testNode) {
		id, _ := a.submit("b", "")
		p := b.next()
		p.status(Running, "Running: PID 7")
		a.await(id, Running, "")
		answer := make(chan string)
		go func() { answer <- a.do("work cancel " + id) }()
		<-p.canceled
		p.exit(Canceled, "Canceled")
		if got := <-answer; got != `{"cancelled":"`+id+`"}` {
			t.Errorf("cancel: %s", got)
		}
		a.await(id, Canceled, "Canceled")
		if got := a.do("work release " + id); got != `{"released":"`+id+`"}` {
			t.Errorf("release: %s", got)
		}
		if left := append(a.left(), b.left()...); len(left) != 0 {
			t.Errorf("left: %v", left)
		}
	})
}

// The node has lost the unit.
func TestFollowUnitIsGone(t *testing.T) {
	following(t, func(t *testing.T, c *cluster, a, b *testNode) {
		id, _ := a.submit("b", "")
		p := b.next()
		b.stop()
		b.fs.RemoveAll(p.Dir)
		b.start()
		a.m.NodeReachable("b")
		a.await(id, Failed, detailGone)
	})
}

// What is here is not what was sent: that is an error.
func TestFollowDamage(t *testing.T) {
	following(t, func(t *testing.T, c *cluster, a, b *testNode) {
		id, _ := a.submit("b", "")
		p := b.next()
		live := a.results(id, 0)
		p.output("0123")
		a.wantOutput(live, "0123")
		a.stop()
		a.fs.Put(a.dir(id)+"/stdout", "0x23")
		a.start()
		p.output("45")
		p.exit(Succeeded, "exit status 0")
		a.await(id, Failed, "the output is damaged: 6 bytes with SHA-256")
	})
}

// playedFollow has the test play a node that has taken a unit and is asked to
// tell of it.
func playedFollow(t *testing.T, c *cluster, a *testNode) (unit string, s *session, again func() *session) {
	accept := c.played("b")
	c.plain["b"], c.follow = false, true
	unit, result := a.submitLater("b", "")
	s = accept().greet()
	s.create("")
	s.send(`{"unitid":"remote01","result":"Job Started"}` + "\n")
	<-result
	again = func() *session {
		s := accept().greet()
		s.expect(`"subcommand":"follow"`)
		s.send("Following\n")
		return s
	}
	return unit, again(), again
}

// A unit that has ended before anything was told of it is not Pending while its output
// comes, which may take long.
func TestFollowUnitThatHasEnded(t *testing.T) {
	bubble(t, func(t *testing.T, c *cluster) {
		a := c.node("a")
		id, s, _ := playedFollow(t, c, a)
		s.expect(`{"unitid":"remote01","errpos":0}`)
		a.wantStatus(id, Pending, detailStarting)
		s.send(`{"unitid":"remote01","bytes":2}` + "\nok")
		a.await(id, Running, detailRest)
		s.conn.abort()
		a.stop()
	})
}

// Messages that make no sense end the session, or the unit's part in it, and
// what is missing is asked for again.
func TestFollowNonsense(t *testing.T) {
	sum := sha256.Sum256([]byte("ok"))
	okSum := hex.EncodeToString(sum[:])
	for name, nonsense := range map[string]string{
		"no JSON":         "hello\n",
		"a long line":     strings.Repeat("x", followLine+1) + "\n",
		"too many bytes":  `{"unitid":"remote01","bytes":1000000}` + "\n",
		"negative bytes":  `{"unitid":"remote01","bytes":-1}` + "\n",
		"a gap":           `{"unitid":"remote01","at":3,"bytes":1}` + "\nx",
		"not yet the end": `{"unitid":"remote01","end":{"state":1,"detail":"","size":2,"sha256":""}}` + "\n",
		"no state":        `{"unitid":"remote01","state":{"state":5,"detail":"","size":2}}` + "\n",
		"an end as state": `{"unitid":"remote01","state":{"state":2,"detail":"","size":2}}` + "\n",
		"an end as none":  `{"unitid":"remote01","end":{"state":5,"detail":"","size":2,"sha256":"` + okSum + `"}}` + "\n",
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, c *cluster) {
				a := c.node("a")
				id, s, again := playedFollow(t, c, a)
				live := a.results(id, 0)
				s.expect(`{"unitid":"remote01","errpos":0}`)
				s.send(`{"unitid":"other","at":0,"bytes":3}` + "\nabc")
				s.send(`{"unitid":"remote01","bytes":2}` + "\nok")
				a.wantOutput(live, "ok")
				go io.WriteString(s.conn, nonsense)
				if strings.HasPrefix(nonsense, `{"unitid":"remote01"`) && !strings.Contains(name, "bytes") {
					s.expect(`"stop":true`)
				} else {
					s = again()
				}
				s.expect(`{"unitid":"remote01","startpos":2,"errpos":0}`)
				s.send(`{"unitid":"remote01","end":{"state":2,"detail":"exit status 0","size":2,"sha256":"%s"}}`+"\n", okSum)
				a.wantEnd(live, "")
				a.await(id, Succeeded, "exit status 0")
				s.conn.abort()
				a.stop()
			})
		})
	}
}

// pushed opens a session of "work follow" with a node.
func (n *testNode) pushed(requests ...string) *session {
	n.t.Helper()
	client := n.client()
	stream, err := client.Follow()
	if err != nil {
		n.t.Fatal(err)
	}
	ours, theirs := memConns()
	go io.Copy(theirs, stream)
	go io.Copy(stream, theirs)
	s := &session{t: n.t, conn: ours, in: bufio.NewReader(ours)}
	for _, q := range requests {
		s.send("%s\n", q)
	}
	return s
}

// What clients ask for that there is not, and how units take turns.
func TestPush(t *testing.T) {
	bubble(t, func(t *testing.T, c *cluster) {
		b := c.node("b")
		id, _ := b.submit("b", "")
		p := b.next()
		p.output("0123456789")
		synctest.Wait()

		s := b.pushed(`{"unitid":"nothing1"}`)
		s.expect(`{"unitid":"nothing1","error":"unknown work unit nothing1"}`)
		s.send(`{"unitid":"%s","startpos":-1}`+"\n", id)
		s.expect(`the start position must be 0 or more, not -1`)
		s.send(`{"unitid":"%s","signature":"x"}`+"\n", id)
		s.expect(`work type did not expect a signature`)

		s.send(`{"unitid":"%s","startpos":4}`+"\n", id)
		s.expect(`"state":{"state":0,"detail":"`)
		s.expect(`"at":4,"bytes":6}`)
		s.wantBytes("456789")
		s.send(`{"unitid":"%s","startpos":8}`+"\n", id) // again, from elsewhere
		s.expect(`"state":{"state":0`)
		s.expect(`"at":8,"bytes":2}`)
		s.wantBytes("89")
		s.send(`{"unitid":"%s","stop":true}`+"\n", id)
		synctest.Wait()
		p.output("!")
		synctest.Wait()
		s.send(`{"unitid":"%s","startpos":11}`+"\n", id)
		s.expect(`"state":{"state":0`)
		p.exit(Succeeded, "exit status 0")
		sum := sha256.Sum256([]byte("0123456789!"))
		s.expect(`"end":{"state":2,"detail":"exit status 0","size":11,"sha256":"` + hex.EncodeToString(sum[:]) + `"}`)
		s.send(`{"unitid":"%s","startpos":12}`+"\n", id)
		s.expect(`has only 11 bytes, not 12`)
		s.conn.abort()
		b.stop()
	})
}

// A session that is not read from keeps neither units nor other sessions.
func TestPushToNobody(t *testing.T) {
	bubble(t, func(t *testing.T, c *cluster) {
		b := c.node("b")
		id, _ := b.submit("b", "")
		p := b.next()
		deaf, err := b.client().Follow()
		if err != nil {
			t.Fatal(err)
		}
		io.WriteString(deaf, `{"unitid":"`+id+`"}`+"\n")
		s := b.pushed(`{"unitid":"` + id + `"}`)
		s.expect(`"state":{"state":0`)
		p.output("x")
		s.expect(`"bytes":1}`)
		s.wantBytes("x")
		deaf.Close()
		s.conn.abort()
		b.stop()
	})
}

// A client that asks and does not read is not listened to for long, whatever it
// asks for.
func TestPushIsBounded(t *testing.T) {
	bubble(t, func(t *testing.T, c *cluster) {
		b := c.node("b")
		deaf, err := b.client().Follow()
		if err != nil {
			t.Fatal(err)
		}
		var asked atomic.Int32
		go func() {
			for k := 0; k < 10*maxDue; k++ {
				if _, err := fmt.Fprintf(deaf, `{"unitid":"u%07d"}`+"\n", k); err != nil {
					return
				}
				asked.Store(int32(k))
			}
		}()
		synctest.Wait()
		const buffered = 2 * followLine / len(`{"unitid":"u0000000"}`) // by the reader
		if got := int(asked.Load()); got < maxDue/2 || got > maxDue+buffered {
			t.Errorf("%d requests were taken, want about %d", got, maxDue)
		}
		deaf.Close()

		long, err := b.client().Follow()
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(long, `{"unitid":"%s"}`+"\n", strings.Repeat("u", 1000))
		if answer, _ := io.ReadAll(long); len(answer) != 0 {
			t.Errorf("answer %.40q to a name that no unit has", answer)
		}
		b.stop()
	})
}

// Who may not have the results of a unit may not follow it either.
func TestFollowSigned(t *testing.T) {
	following(t, func(t *testing.T, c *cluster, a, b *testNode) {
		keys := &signatures{}
		a.signed(keys)
		b.signed(keys)
		id := submitSigned(t, a.owner(), map[string]string{"node": "b", "worktype": "signed", "signwork": "true"})
		p := b.next()
		p.status(Running, "Running: PID 7")
		a.await(id, Running, "Running: PID 7")
		s := b.pushed(`{"unitid":"` + a.remoteID(id) + `"}`)
		s.expect("could not verify signature: signature is empty")
		s.send(`{"unitid":"%s","startpos":1,"signature":"b/%s"}`+"\n", a.remoteID(id), followRequest{UnitID: a.remoteID(id)}.hash())
		s.expect("could not verify signature: wrong")
		s.conn.abort()

		// A key that cannot be used is what Detail says, and nothing is asked for.
		keys.setFail(errors.New("no such key"))
		c.cut()
		a.await(id, Running, "no such key")
		keys.setFail(nil)
		p.output("x")
		p.exit(Succeeded, "exit status 0")
		a.await(id, Succeeded, "exit status 0")
	})
}
