//go:build linux

package daemon_test

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// mixed says who is who in a row of nodes: o is one of ours, d a deployed one.
// Their IDs are n0, n1, and so on.
type mixed struct {
	t       *testing.T
	program string
	who     string
	dir     string
	ports   []int
	args    [][]string
	nodes   []*node
}

// startMixed starts a row of nodes, each with arguments of its own, and returns
// when all have routes to all. It skips the test unless there is a program.
func startMixed(t *testing.T, who string, args ...[]string) *mixed {
	t.Helper()
	program := os.Getenv("RECEPTOR_PEER")
	if program == "" {
		t.Skip("RECEPTOR_PEER names no program of a deployed node")
	}
	m := &mixed{t: t, program: program, who: who, dir: t.TempDir(), args: args, nodes: make([]*node, len(who))}
	for range who {
		m.ports = append(m.ports, freePort(t))
	}
	for i := range who {
		m.start(i)
	}
	m.converged()
	return m
}

// start starts a node, again or for the first time.
func (m *mixed) start(i int) {
	m.t.Helper()
	var args []string
	if i < len(m.args) {
		args = slices.Clone(m.args[i]) // may begin with firewall rules
	}
	args = append(args, "--tcp-listener", fmt.Sprint("port=", m.ports[i]), "bindaddr=127.0.0.1")
	if i > 0 {
		args = append(args, "--tcp-peer", fmt.Sprint("address=127.0.0.1:", m.ports[i-1]))
	}
	id := fmt.Sprint("n", i)
	if m.who[i] == 'd' {
		m.nodes[i] = startPeer(m.t, m.program, m.dir, id, args...)
	} else {
		m.nodes[i] = mustStart(m.t, m.dir, id, args...)
	}
}

// stop ends a node, a deployed one by SIGKILL.
func (m *mixed) stop(i int) {
	if kill := m.nodes[i].kill; kill != nil {
		kill()
		os.Remove(m.nodes[i].socket)
		os.Remove(m.nodes[i].socket + ".lock")
		return
	}
	m.nodes[i].Close()
}

// converged waits until every node has routes to all others.
func (m *mixed) converged() {
	m.t.Helper()
	for _, n := range m.nodes {
		n.untilReaches(m.t, len(m.nodes)-1)
	}
}

// untilReaches waits until a node has routes to that many others.
func (n *node) untilReaches(t *testing.T, others int) {
	t.Helper()
	n.untilAnswer(t, "status", fmt.Sprint(others, " routes"), func(answer []byte) bool {
		var status struct{ RoutingTable map[string]string }
		return json.Unmarshal(answer, &status) == nil && len(status.RoutingTable) == others
	})
}

// until waits until the answer to a command has a text.
func (n *node) until(t *testing.T, command, text string) {
	t.Helper()
	n.untilAnswer(t, command, text, func(answer []byte) bool { return strings.Contains(string(answer), text) })
}

// untilAnswer repeats a control command until its answer is right; a deployed
// node tells nobody of events. It gives up after a minute.
func (n *node) untilAnswer(t *testing.T, command, want string, right func(answer []byte) bool) {
	t.Helper()
	var answer []byte
	var err error
	for give := time.Now().Add(time.Minute); time.Now().Before(give); time.Sleep(50 * time.Millisecond) {
		if answer, err = n.client(t).Do(command); err == nil && right(answer) {
			return
		}
	}
	t.Fatalf("%s still answers %s (%v), want %s", command, answer, err, want)
}

// stream is n bytes that depend on a seed, and their digest once they are read.
func stream(seed byte, n int64) io.Reader {
	return io.LimitReader(rand.NewChaCha8([32]byte{seed}), n)
}

func digest(r io.Reader) (string, error) {
	h := sha256.New()
	n, err := io.Copy(h, r)
	return fmt.Sprintf("%d bytes, %x", n, h.Sum(nil)[:8]), err
}

// swap sends a stream while it reads another of that length. It may half-close
// as soon as it has sent its own; otherwise it reads only what must come.
func swap(c net.Conn, seed byte, n int64, halfClose bool) (string, error) {
	defer c.Close()
	sent := make(chan error, 1)
	go func() {
		_, err := io.Copy(c, stream(seed, n))
		if err == nil && halfClose {
			err = c.(interface{ CloseWrite() error }).CloseWrite()
		}
		sent <- err
	}()
	var r io.Reader = c
	if !halfClose {
		r = io.LimitReader(c, n)
	}
	got, err := digest(r)
	if err != nil {
		return got, fmt.Errorf("read: %w", err)
	}
	if err := <-sent; err != nil {
		return got, fmt.Errorf("write: %w", err)
	}
	return got, nil
}

// 100 MB go both ways at once, through proxies at both ends and a node in the
// middle. A deployed proxy closes its socket when one direction has ended, so
// only where both are ours does half-close pass through.
func TestMixedStreams(t *testing.T) {
	const size = 100 << 20
	for _, who := range []string{"dod", "odo", "ood", "doo"} {
		t.Run(who, func(t *testing.T) {
			halfClose := who[0] == 'o' && who[2] == 'o'
			target := listen(t, "tcp", "127.0.0.1:0")
			defer target.Close()
			port := freePort(t)
			startMixed(t, who,
				[]string{"--tcp-server", fmt.Sprint("port=", port), "bindaddr=127.0.0.1", "remotenode=n2", "remoteservice=swap"},
				nil,
				[]string{"--tcp-client", "service=swap", "address=" + target.Addr().String()})
			far := make(chan string, 1)
			go func() {
				c, err := target.Accept()
				if err != nil {
					far <- err.Error()
					return
				}
				got, err := swap(c, 2, size, halfClose)
				if err != nil {
					got += ": " + err.Error()
				}
				far <- got
			}()
			near, err := net.Dial("tcp", fmt.Sprint("127.0.0.1:", port))
			if err != nil {
				t.Fatal(err)
			}
			began := time.Now()
			got, err := swap(near, 1, size, halfClose)
			if want, _ := digest(stream(2, size)); err != nil || got != want {
				t.Errorf("the near end got %s (%v), want %s", got, err, want)
			}
			if got, want := <-far, first(digest(stream(1, size))); got != want {
				t.Errorf("the far end got %s, want %s", got, want)
			}
			t.Logf("%.1f MB/s each way", size/1e6/time.Since(began).Seconds())
		})
	}
}

func first(s string, _ error) string { return s }

var sh = []string{"--work-command", "worktype=sh", "command=sh", "allowruntimeparams=true"}

// Units are cancelled and released, at both ends.
func TestMixedCancelAndRelease(t *testing.T) {
	for _, who := range []string{"dod", "odo", "ood", "doo"} {
		t.Run(who, func(t *testing.T) {
			m := startMixed(t, who, nil, nil, sh)
			near := m.nodes[0]
			unit := near.submit(t, map[string]string{"node": "n2", "worktype": "sh", "params": `-c "echo begun; exec sleep 1000"`}, "")
			near.until(t, "work status "+unit, `"StdoutSize":6`)
			remote := m.unitOn(2)
			near.until(t, "work cancel "+unit, unit)
			near.until(t, "work status "+unit, `"StateName":"Canceled"`)
			m.nodes[2].until(t, "work status "+remote, `"StateName":"Canceled"`)
			near.until(t, "work release "+unit, unit)
			near.until(t, "work list", "{}")
			m.nodes[2].until(t, "work list", "{}")
			for _, id := range []string{"n0", "n2"} {
				left, err := filepath.Glob(filepath.Join(m.dir, "data", id, "*", "status"))
				if err != nil || len(left) > 0 {
					t.Errorf("%s keeps %q (%v)", id, left, err)
				}
			}
		})
	}
}

// unitOn returns the only unit of a node.
func (m *mixed) unitOn(i int) string {
	m.t.Helper()
	answer, err := m.nodes[i].client(m.t).Do("work list")
	var units map[string]any
	if err != nil || json.Unmarshal(answer, &units) != nil || len(units) != 1 {
		m.t.Fatalf("n%d has the units %s (%v), want one", i, answer, err)
	}
	for id := range units {
		return id
	}
	panic("unreachable")
}

// The node in the middle goes and comes back while a unit writes, and then the
// node that runs it, if it is ours: the submitter has every byte once.
func TestMixedRestart(t *testing.T) {
	for _, who := range []string{"dod", "odo", "ood", "doo"} {
		t.Run(who, func(t *testing.T) {
			m := startMixed(t, who, nil, nil, sh)
			near := m.nodes[0]
			gate := filepath.Join(m.dir, "gate")
			unit := near.submit(t, map[string]string{
				"node": "n2", "worktype": "sh",
				"params": fmt.Sprintf(`-c "echo before; while ! test -e %s.1; do sleep 0.1; done; echo between; while ! test -e %[1]s.2; do sleep 0.1; done; echo after"`, gate),
			}, "")
			near.until(t, "work status "+unit, `"StdoutSize":7`)
			m.stop(1)
			open(t, gate+".1")
			m.start(1)
			m.converged()
			near.until(t, "work status "+unit, `"StdoutSize":15`)
			if who[2] == 'o' {
				m.stop(2)
				open(t, gate+".2")
				m.start(2)
			} else {
				open(t, gate+".2")
			}
			near.until(t, "work status "+unit, `"StateName":"Succeeded"`)
			results, err := near.client(t).Results(unit, 0)
			if err != nil {
				t.Fatal(err)
			}
			if got, err := io.ReadAll(results); err != nil || string(got) != "before\nbetween\nafter\n" {
				t.Errorf("results %q (%v)", got, err)
			}
		})
	}
}

// open makes the file that a unit waits for.
func open(t *testing.T, name string) {
	t.Helper()
	if err := os.WriteFile(name, nil, 0o600); err != nil {
		t.Fatal(err)
	}
}

// A node that is not among the allowed peers, and one whose cost is another, get
// no link, whichever end is a deployed one.
func TestMixedRejects(t *testing.T) {
	for _, who := range []string{"od", "do"} {
		t.Run(who, func(t *testing.T) {
			m := startMixed(t, who)
			strict := freePort(t)
			third := func(id string, args ...string) *node {
				if who[1] == 'd' {
					return startPeer(t, m.program, m.dir, id, args...)
				}
				return mustStart(t, m.dir, id, args...)
			}
			args := []string{"--tcp-listener", fmt.Sprint("port=", strict), "bindaddr=127.0.0.1", "allowedpeers=friend", "cost=2",
				"--tcp-peer", fmt.Sprint("address=127.0.0.1:", m.ports[0])}
			if who[0] == 'd' {
				startPeer(t, m.program, m.dir, "strict", args...)
			} else {
				mustStart(t, m.dir, "strict", args...)
			}
			m.nodes[0].untilReaches(t, 2)
			dial := fmt.Sprint("address=127.0.0.1:", strict)
			stranger := third("stranger", "--tcp-peer", dial, "cost=2")
			friend := third("friend", "--tcp-peer", dial, "cost=2")
			friend.untilReaches(t, 3)
			if answer, err := stranger.client(t).Do("ping strict"); err != nil || strings.Contains(string(answer), `"Success":true`) {
				t.Errorf("a stranger's ping is answered %s (%v)", answer, err)
			}
			m.nodes[0].until(t, "status", `"friend"`)
			if answer, err := m.nodes[0].client(t).Do("status"); err != nil || strings.Contains(string(answer), "stranger") {
				t.Errorf("a stranger is known: %s (%v)", answer, err)
			}
		})
	}
}

// Of two nodes with one ID the one that came later leaves, whichever of them is
// deployed.
func TestMixedDuplicate(t *testing.T) {
	for _, who := range []string{"od", "do"} {
		t.Run(who, func(t *testing.T) {
			m := startMixed(t, "odod")
			same := func(kind byte, at int) *node {
				dial := []string{"--tcp-peer", fmt.Sprint("address=127.0.0.1:", m.ports[at])}
				if kind == 'd' {
					return startPeer(t, m.program, t.TempDir(), "same", dial...)
				}
				return mustStart(t, t.TempDir(), "same", dial...)
			}
			elder := same(who[0], 0)
			elder.untilReaches(t, 4)
			second := time.Now().Unix()
			for time.Now().Unix() == second { // epochs of one second are in any order
				time.Sleep(10 * time.Millisecond)
			}
			younger := same(who[1], 3)
			if who[1] == 'o' {
				if err := <-younger.Failed(); !strings.Contains(err.Error(), "same") {
					t.Errorf("the younger node left because of %v", err)
				}
				younger.Close()
			} else {
				younger.log.wait("duplicate", 1)
			}
			elder.until(t, "ping n3", `"Success":true`)
			m.nodes[3].until(t, "ping same", `"Success":true`)
		})
	}
}
