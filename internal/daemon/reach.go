package daemon

import (
	"maps"
	"slices"
	"sync"
)

// reachQueue takes, under the node's lock, the names of nodes that have become
// reachable or unreachable, and gives them to a function that is called without
// it. Of a node that has become both meanwhile, the latest counts.
type reachQueue struct {
	mu     sync.Mutex
	more   sync.Cond
	nodes  map[string]bool // whether they are reachable
	closed bool
	done   chan struct{}
}

func newReachQueue(tell func(node string, reachable bool)) *reachQueue {
	q := &reachQueue{nodes: make(map[string]bool), done: make(chan struct{})}
	q.more.L = &q.mu
	go func() {
		defer close(q.done)
		for {
			nodes := q.take()
			if nodes == nil {
				return
			}
			for _, node := range slices.Sorted(maps.Keys(nodes)) {
				tell(node, nodes[node])
			}
		}
	}()
	return q
}

// add never blocks; a node that waits to be told of is not queued again.
func (q *reachQueue) add(reachable bool, nodes ...string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, node := range nodes {
		q.nodes[node] = reachable
	}
	q.more.Signal()
}

// take waits for nodes; nil means that the queue is closed.
func (q *reachQueue) take() map[string]bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	for len(q.nodes) == 0 && !q.closed {
		q.more.Wait()
	}
	if q.closed {
		return nil
	}
	nodes := q.nodes
	q.nodes = make(map[string]bool)
	return nodes
}

func (q *reachQueue) close() {
	q.mu.Lock()
	q.closed = true
	q.more.Signal()
	q.mu.Unlock()
	<-q.done
}
