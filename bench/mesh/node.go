package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"receptor/control"
)

// startTimeout bounds the wait for a daemon to answer, and for routes.
const startTimeout = 2 * time.Minute

// node is a daemon.
type node struct {
	id, dir string
	cmd     *exec.Cmd
	ended   chan struct{} // closed when the process has
}

// startNode starts a daemon that has a control service and the items given, in
// the YAML of version 1, which programs of both kinds read.
func startNode(program, dir, id string, items ...string) (*node, error) {
	n := &node{id: id, dir: filepath.Join(dir, id), ended: make(chan struct{})}
	if err := os.MkdirAll(n.dir, 0o700); err != nil {
		return nil, err
	}
	conf := fmt.Sprintf("- node: {id: %s, datadir: %s}\n- control-service: {service: control, filename: %s}\n%s\n",
		id, filepath.Join(n.dir, "data"), n.socket(), strings.Join(items, "\n"))
	path := filepath.Join(n.dir, "conf.yaml")
	if err := os.WriteFile(path, []byte(conf), 0o600); err != nil {
		return nil, err
	}
	log, err := os.Create(filepath.Join(n.dir, "log"))
	if err != nil {
		return nil, err
	}
	defer log.Close()
	n.cmd = exec.Command(program, "--config", path)
	n.cmd.Stdout, n.cmd.Stderr = log, log
	if err := n.cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		_ = n.cmd.Wait()
		close(n.ended)
	}()
	return n, nil
}

func (n *node) socket() string { return filepath.Join(n.dir, "sock") }

// stop asks the daemon to end, and ends it if it does not.
func (n *node) stop() {
	_ = n.cmd.Process.Signal(os.Interrupt)
	select {
	case <-n.ended:
	case <-time.After(5 * time.Second):
		_ = n.cmd.Process.Kill()
		<-n.ended
	}
}

// client opens a control session, which ends with ctx.
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

// do carries out one command in a session of its own, and decodes the answer.
func (n *node) do(ctx context.Context, line string, answer any) error {
	c, err := n.client(ctx)
	if err != nil {
		return err
	}
	defer c.Close()
	text, err := c.Do(line)
	if err != nil {
		return fmt.Errorf("%s: %s: %w", n.id, line, err)
	}
	return json.Unmarshal(text, answer)
}

// awaitStart waits until the daemon answers.
func (n *node) awaitStart(ctx context.Context) error {
	return n.await(ctx, "its start", func() bool {
		c, err := n.client(ctx)
		if err == nil {
			c.Close()
		}
		return err == nil
	})
}

// awaitRoutes waits until the daemon has routes to that many nodes.
func (n *node) awaitRoutes(ctx context.Context, others int) error {
	return n.await(ctx, fmt.Sprintf("%d routes", others), func() bool {
		var status struct{ RoutingTable map[string]string }
		return n.do(ctx, "status", &status) == nil && len(status.RoutingTable) >= others
	})
}

func (n *node) await(ctx context.Context, what string, reached func() bool) error {
	limit := time.Now().Add(startTimeout)
	for !reached() {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-n.ended:
			return fmt.Errorf("%s has ended; its log is %s", n.id, filepath.Join(n.dir, "log"))
		case <-time.After(10 * time.Millisecond):
		}
		if time.Now().After(limit) {
			return fmt.Errorf("%s: waited %v for %s; its log is %s", n.id, startTimeout, what, filepath.Join(n.dir, "log"))
		}
	}
	return nil
}

// cpu is the time of a processor that the daemon has used so far, in user and
// system mode, in units of 10 ms (proc(5)).
func (n *node) cpu() (time.Duration, error) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", n.cmd.Process.Pid))
	if err != nil {
		return 0, err
	}
	_, after, _ := strings.Cut(string(stat), ") ")
	fields := strings.Fields(after) // from the third on
	if len(fields) < 13 {
		return 0, fmt.Errorf("/proc/%d/stat should have at least 15 fields", n.cmd.Process.Pid)
	}
	var ticks int64
	for _, field := range fields[11:13] {
		t, err := strconv.ParseInt(field, 10, 64)
		if err != nil {
			return 0, err
		}
		ticks += t
	}
	return time.Duration(ticks) * 10 * time.Millisecond, nil
}

// usedDuring is the time of a processor that nodes use while a function runs.
func usedDuring(nodes []*node, do func() error) (time.Duration, error) {
	before, err := usedBy(nodes)
	if err != nil {
		return 0, err
	}
	if err := do(); err != nil {
		return 0, err
	}
	after, err := usedBy(nodes)
	return after - before, err
}

func usedBy(nodes []*node) (all time.Duration, err error) {
	for _, n := range nodes {
		used, err := n.cpu()
		if err != nil {
			return 0, err
		}
		all += used
	}
	return all, nil
}

// memory is how much of the daemon is resident, in bytes.
func (n *node) memory() (int64, error) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", n.cmd.Process.Pid))
	if err != nil {
		return 0, err
	}
	_, after, _ := strings.Cut(string(status), "VmRSS:")
	fields := strings.Fields(after)
	if len(fields) == 0 {
		return 0, fmt.Errorf("/proc/%d/status should have VmRSS", n.cmd.Process.Pid)
	}
	kib, err := strconv.ParseInt(fields[0], 10, 64)
	return kib << 10, err
}

// freePorts returns TCP ports that were free a moment ago.
func freePorts(count int) ([]int, error) {
	var ports []int
	for range count {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		defer l.Close()
		ports = append(ports, l.Addr().(*net.TCPAddr).Port)
	}
	return ports, nil
}
