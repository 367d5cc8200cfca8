package main

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"time"

	"receptor/control"
)

// mark is a variable in the environment of the nodes, and so of all that they
// start, by which it is found.
const mark = "RECEPTOR_SOAK"

// node is a daemon, which may be down at the moment.
type node struct {
	id, dir, program string
	deployed         bool // and promises less
	problem          func(format string, args ...any)

	mu    sync.Mutex
	cmd   *exec.Cmd
	ended chan struct{} // closed when the process of cmd has
}

func (n *node) socket() string { return filepath.Join(n.dir, "sock") }

func (n *node) start(tag string) error {
	log, err := os.OpenFile(filepath.Join(n.dir, "log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	cmd := exec.Command(n.program, "--config", filepath.Join(n.dir, "conf.yaml"))
	cmd.Env = append(os.Environ(), mark+"="+tag)
	cmd.Stdout, cmd.Stderr = log, log
	n.mu.Lock()
	defer n.mu.Unlock()
	if err := cmd.Start(); err != nil {
		return err
	}
	n.cmd, n.ended = cmd, make(chan struct{})
	go n.wait(cmd, n.ended)
	return nil
}

// wait waits for the end of a daemon. One that nobody has killed is started
// again by whoever kills it next; that it ended is a problem.
func (n *node) wait(cmd *exec.Cmd, ended chan struct{}) {
	err := cmd.Wait()
	close(ended)
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.cmd == cmd {
		n.problem("%s ended by itself: %v; its log is %s", n.id, err, filepath.Join(n.dir, "log"))
	}
}

// kill ends the daemon at once, and not what it has started.
func (n *node) kill() {
	n.mu.Lock()
	cmd, ended := n.cmd, n.ended
	n.cmd = nil
	n.mu.Unlock()
	if cmd != nil {
		_ = cmd.Process.Kill()
		<-ended
	}
}

// mesh is alpha - relay - omega, over wires. Units are submitted at both ends.
type mesh struct {
	dir, tag string
	nodes    []*node // alpha, relay, omega
	wires    []*wire
	kills    int
	cuts     int
}

func newMesh(dir, program, peer string, problem func(string, ...any)) (*mesh, error) {
	m := &mesh{dir: dir, tag: filepath.Base(dir)}
	relay, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	relay.Close() // the port is the relay's from now on
	for range 2 {
		w, err := newWire(relay.Addr().String())
		if err != nil {
			return nil, err
		}
		m.wires = append(m.wires, w)
	}
	if err := os.WriteFile(filepath.Join(dir, "unit.sh"), []byte(unitScript), 0o700); err != nil {
		return nil, err
	}
	port := relay.Addr().(*net.TCPAddr).Port
	for i, id := range []string{"alpha", "relay", "omega"} {
		n := &node{id: id, dir: filepath.Join(dir, id), program: program, problem: problem}
		link := fmt.Sprintf("- tcp-listener: {port: %d, bindaddr: 127.0.0.1}\n", port)
		if id != "relay" {
			link = fmt.Sprintf("- tcp-peer: {address: %q}\n", m.wires[i/2].listener.Addr())
		} else if peer != "" {
			n.program, n.deployed = peer, true
		}
		conf := fmt.Sprintf("- node: {id: %s, datadir: %s}\n- log-level: debug\n- control-service: {service: control, filename: %s}\n%s"+
			"- work-command: {worktype: tally, command: %s, allowruntimeparams: true}\n",
			id, filepath.Join(n.dir, "data"), n.socket(), link, filepath.Join(dir, "unit.sh"))
		if err := os.MkdirAll(n.dir, 0o700); err != nil {
			return nil, err
		}
		if err := os.WriteFile(filepath.Join(n.dir, "conf.yaml"), []byte(conf), 0o600); err != nil {
			return nil, err
		}
		if err := n.start(m.tag); err != nil {
			return nil, err
		}
		m.nodes = append(m.nodes, n)
	}
	return m, nil
}

func (m *mesh) stop() {
	for _, n := range m.nodes {
		n.kill()
	}
	for _, w := range m.wires {
		w.listener.Close()
	}
}

// fail makes things fail until ctx ends, and then heals all of them.
func (m *mesh) fail(ctx context.Context, r *rand.Rand) {
	var healing sync.WaitGroup
	busy := make(map[int]chan struct{}) // what fails already: nodes, then wires
	for pause(ctx, time.Duration(r.Int64N(int64(2*time.Second)))) {
		what := r.IntN(len(m.nodes) + len(m.wires))
		if done := busy[what]; done != nil {
			select {
			case <-done:
			default:
				continue
			}
		}
		done := make(chan struct{})
		busy[what] = done
		for_ := time.Duration(r.Int64N(int64(5 * time.Second)))
		stall := r.IntN(2) == 0
		if stall {
			for_ *= 4 // longer than a silent link is kept, now and then
		}
		healing.Go(func() {
			defer close(done)
			if what < len(m.nodes) {
				m.nodes[what].kill()
				pause(ctx, for_%(3*time.Second))
				if err := m.nodes[what].start(m.tag); err != nil {
					panic(err) // it has started before
				}
				return
			}
			w := m.wires[what-len(m.nodes)]
			w.set(!stall, stall)
			pause(ctx, for_)
			w.set(false, false)
		})
		if what < len(m.nodes) {
			m.kills++
		} else {
			m.cuts++
		}
	}
	healing.Wait()
}

// pause waits, and reports whether ctx has not ended by then.
func pause(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}

// client opens a control session with a node. The session ends with ctx.
func (n *node) client(ctx context.Context) (*control.Client, error) {
	conn, err := (&net.Dialer{}).DialContext(ctx, "unix", n.socket())
	if err != nil {
		return nil, err
	}
	context.AfterFunc(ctx, func() { conn.Close() })
	c, _, err := control.NewClient(conn)
	if err != nil {
		conn.Close()
		return nil, err
	}
	return c, nil
}

// do carries out one command, in a session of its own, until the node answers.
func (n *node) do(ctx context.Context, line string) (json.RawMessage, error) {
	for {
		answer, err := n.try(ctx, line)
		if _, answered := err.(*control.RemoteError); err == nil || answered || !pause(ctx, retryAfter) {
			return answer, err
		}
	}
}

// retryAfter is how long a client waits for a daemon that is down.
const retryAfter = 100 * time.Millisecond

func (n *node) try(ctx context.Context, line string) (json.RawMessage, error) {
	c, err := n.client(ctx)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	return c.Do(line)
}
