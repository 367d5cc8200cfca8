package check

import (
	"testing"
	"time"
)

func TestOlderUpdatesMustNotBeAccepted(t *testing.T) {
	t.Parallel()
	r := recorder{T: t}
	u := NewUpdates([]string{"a", "b", "c"}, r.report)
	u.Accepted(0, 0, "b", 10, 5)
	u.Accepted(0, 0, "b", 10, 6)
	u.Accepted(0, 1, "b", 10, 1) // another node
	u.Accepted(0, 0, "c", 1, 1)  // another subject
	u.Accepted(0, 0, "b", 11, 1) // a restart
	r.want()
	u.Accepted(time.Second, 0, "b", 11, 1)
	r.want("1.000000s a: update: it accepted update (11, 1) of b after (11, 1)")
	u.Accepted(0, 0, "b", 10, 9)
	r.want("(10, 9) of b after (11, 1)")
	u.Forgotten(0, "b")
	u.Accepted(0, 0, "b", 1, 1)
	r.want()
	u.Accepted(0, 0, "z", 1, 1)
	r.want(`"z", which does not exist`)
}
