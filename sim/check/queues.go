package check

import "time"

// Bounds of what is queued on a link, in bytes of frames. They are stated here
// anew rather than taken from the links, which must keep to them.
const (
	maxQueuedData    = 4 << 20
	maxQueuedControl = 16 << 20
)

// Queues checks that the send queues of links stay within their bounds.
type Queues struct {
	ids      []string
	report   Report
	reported []bool // by node: once is enough
}

// NewQueues returns the checker of nodes with these IDs, numbered in order.
func NewQueues(ids []string, report Report) *Queues {
	return &Queues{ids: ids, report: report, reported: make([]bool, len(ids))}
}

// Holds tells what a link of a node, by its number, holds after a frame was sent.
func (q *Queues) Holds(now time.Duration, node, data, control int) {
	if data <= maxQueuedData && control <= maxQueuedControl || q.reported[node] {
		return
	}
	q.reported[node] = true
	q.report(now, q.ids[node], RuleQueue, "one of its links holds %d bytes of data and %d of control frames, at most %d and %d are allowed",
		data, control, maxQueuedData, maxQueuedControl)
}
