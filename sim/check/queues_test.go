package check

import (
	"testing"
	"time"
)

func TestQueuesStayWithinTheirBounds(t *testing.T) {
	t.Parallel()
	r := recorder{T: t}
	q := NewQueues([]string{"a", "b"}, r.report)
	q.Holds(0, 0, maxQueuedData, maxQueuedControl)
	r.want()
	q.Holds(time.Second, 0, maxQueuedData+1, 0)
	q.Holds(time.Second, 0, maxQueuedData+2, 0)
	q.Holds(time.Second, 1, 0, maxQueuedControl+1)
	r.want("1.000000s a: queue: one of its links holds 4194305 bytes of data and 0 of control frames, at most 4194304 and 16777216",
		"s b: queue: one of its links holds 0 bytes of data and 16777217")
}
