package daemon

import (
	"maps"
	"slices"
	"sync"
)

// reachQueue takes, under the node's lock, the names of nodes that have become
// reachable, and gives them to a function that is called without it.
type reachQueue struct {
	mu     sync.Mutex
	more   sync.Cond
	nodes  map[string]bool
	closed bool
	done   chan struct{}
}

func newReachQueue(tell func(node string)) *reachQueue {
	q := &reachQueue{nodes: make(map[string]bool), done: make(chan struct{})}
	q.more.L = &q.mu
	go func() {
		defer close(q.done)
		for {
			nodes := q.take()
			if nodes == nil {
				return
			}
			for _, node := range nodes {
				tell(node)
			}
		}
	}()
	return q
}

// add never blocks; a node that waits to be told of is not queued again.
func (q *reachQueue) add(nodes ...string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, node := range nodes {
		q.nodes[node] = true
	}
	q.more.Signal()
}

// take waits for nodes; nil means that the queue is closed.
func (q *reachQueue) take() []string {
	q.mu.Lock()
	defer q.mu.Unlock()
	for len(q.nodes) == 0 && !q.closed {
		q.more.Wait()
	}
	if q.closed {
		return nil
	}
	nodes := slices.Sorted(maps.Keys(q.nodes))
	clear(q.nodes)
	return nodes
}

func (q *reachQueue) close() {
	q.mu.Lock()
	q.closed = true
	q.more.Signal()
	q.mu.Unlock()
	<-q.done
}
