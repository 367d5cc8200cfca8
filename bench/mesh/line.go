package main

import (
	"context"
	"errors"
	"fmt"
)

// line is n0 - n1 - n2 - n3. What is sent to a port of n0 comes out at the sink
// that n1 or n3 connects to.
type line struct {
	nodes []*node
	near  string // address at n0 for n1, one hop
	far   string // address at n0 for n3, three hops
}

const lineNodes = 4

func startLine(ctx context.Context, program, dir, sink string) (_ *line, err error) {
	ports, err := freePorts(lineNodes + 2)
	if err != nil {
		return nil, err
	}
	l := &line{near: fmt.Sprintf("127.0.0.1:%d", ports[lineNodes]), far: fmt.Sprintf("127.0.0.1:%d", ports[lineNodes+1])}
	defer func() {
		if err != nil {
			l.stop()
		}
	}()
	for i := range lineNodes {
		items := []string{
			listener(ports[i]),
			"- work-command: {worktype: cat, command: cat}",
			"- work-command: {worktype: head, command: head, allowruntimeparams: true}",
		}
		if i > 0 {
			items = append(items, peer(ports[i-1]))
		}
		switch i {
		case 0:
			items = append(items, tcpServer(ports[lineNodes], "n1"), tcpServer(ports[lineNodes+1], "n3"))
		case 1, 3:
			items = append(items, fmt.Sprintf("- tcp-client: {service: sink, address: %q}", sink))
		}
		n, err := startNode(program, dir, fmt.Sprint("n", i), items...)
		if err != nil {
			return nil, err
		}
		l.nodes = append(l.nodes, n)
		if err := n.awaitStart(ctx); err != nil {
			return nil, err
		}
	}
	for _, n := range l.nodes {
		if err := n.awaitRoutes(ctx, lineNodes-1); err != nil {
			return nil, err
		}
	}
	return l, nil
}

func listener(port int) string {
	return fmt.Sprintf("- tcp-listener: {port: %d, bindaddr: 127.0.0.1}", port)
}

func peer(port int) string { return fmt.Sprintf("- tcp-peer: {address: \"127.0.0.1:%d\"}", port) }

func tcpServer(port int, node string) string {
	return fmt.Sprintf("- tcp-server: {port: %d, bindaddr: 127.0.0.1, remotenode: %s, remoteservice: sink}", port, node)
}

func (l *line) stop() {
	for _, n := range l.nodes {
		n.stop()
	}
}

// ping returns the round trip to a node, in milliseconds, as the daemon
// measures it.
func (l *line) ping(ctx context.Context, target string) (float64, error) {
	var pong struct {
		Success bool
		Error   string
		Time    int64
	}
	if err := l.nodes[0].do(ctx, "ping "+target, &pong); err != nil {
		return 0, err
	}
	if !pong.Success {
		return 0, errors.New("ping " + target + ": " + pong.Error)
	}
	return float64(pong.Time) / 1e6, nil
}

// pings returns the median of some pings.
func (l *line) pings(ctx context.Context, target string, count int) (float64, error) {
	var all []float64
	for range count {
		ms, err := l.ping(ctx, target)
		if err != nil {
			return 0, err
		}
		all = append(all, ms)
	}
	return median(all), nil
}
