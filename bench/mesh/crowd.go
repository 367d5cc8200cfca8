package main

import (
	"context"
	"fmt"
	"time"
)

// The crowd is a mesh of 40 nodes with 58 links: a ring, and 18 links across.
const (
	crowdNodes  = 40
	crowdAcross = 18
	crowdSettle = 3 * time.Second // between the routes and what is idle
)

// crowdLinks returns for each node those before it that it dials.
func crowdLinks() [][]int {
	dials := make([][]int, crowdNodes)
	for i := 1; i < crowdNodes; i++ {
		dials[i] = append(dials[i], i-1)
	}
	dials[crowdNodes-1] = append(dials[crowdNodes-1], 0)
	for k := range crowdAcross {
		from, to := 2*k, (2*k+15)%crowdNodes
		dials[max(from, to)] = append(dials[max(from, to)], min(from, to))
	}
	return dials
}

// crowdResult is what one start of the crowd has shown.
type crowdResult struct {
	routes time.Duration // from the start of the last node until all have routes to all
	cpu    time.Duration // of all together, while idle
	memory int64         // bytes of one, in the mean
}

// runCrowd starts the nodes without waiting in between, as after a power cut:
// some dial others that do not listen yet. It waits for the routes of all, and
// looks at them while they are idle.
func runCrowd(ctx context.Context, program, dir string, idle time.Duration) (r crowdResult, err error) {
	ports, err := freePorts(crowdNodes)
	if err != nil {
		return r, err
	}
	var nodes []*node
	defer func() {
		for _, n := range nodes {
			n.stop()
		}
	}()
	for i, dials := range crowdLinks() {
		items := []string{listener(ports[i])}
		for _, to := range dials {
			items = append(items, peer(ports[to]))
		}
		n, err := startNode(program, dir, fmt.Sprint("n", i), items...)
		if err != nil {
			return r, err
		}
		nodes = append(nodes, n)
	}
	began := time.Now() // the last process is there, and has done nothing yet
	for _, n := range nodes {
		if err := n.awaitRoutes(ctx, crowdNodes-1); err != nil {
			return r, err
		}
	}
	r.routes = time.Since(began)
	if err := pause(ctx, crowdSettle); err != nil {
		return r, err
	}
	if r.cpu, err = usedDuring(nodes, func() error { return pause(ctx, idle) }); err != nil {
		return r, err
	}
	for _, n := range nodes {
		bytes, err := n.memory()
		if err != nil {
			return r, err
		}
		r.memory += bytes / crowdNodes
	}
	return r, nil
}
