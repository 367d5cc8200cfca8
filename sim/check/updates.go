package check

import (
	"time"

	"receptor/mesh/wire"
)

// Updates checks that no node accepts an older routing update over a newer one.
type Updates struct {
	ids    []string
	index  map[string]int
	newest [][]stamp // by observer and subject; a row is made when needed
	report Report
}

// stamp is the version of an update; zero: none is on record.
type stamp struct{ epoch, sequence uint64 }

// NewUpdates returns the checker of nodes with these IDs, numbered in order.
func NewUpdates(ids []string, report Report) *Updates {
	u := &Updates{ids: ids, index: make(map[string]int, len(ids)), newest: make([][]stamp, len(ids)), report: report}
	for i, id := range ids {
		u.index[id] = i
	}
	return u
}

// Accepted tells that node has accepted an update of subject.
func (u *Updates) Accepted(now time.Duration, node int, subject string, epoch, sequence uint64) {
	i, exists := u.index[subject]
	if !exists {
		u.report(now, u.ids[node], RuleUpdate, "it accepted an update of %q, which does not exist", subject)
		return
	}
	if u.newest[node] == nil {
		u.newest[node] = make([]stamp, len(u.ids))
	}
	was := &u.newest[node][i]
	if *was != (stamp{}) && !wire.Newer(epoch, sequence, was.epoch, was.sequence) {
		u.report(now, u.ids[node], RuleUpdate, "it accepted update (%d, %d) of %s after (%d, %d)",
			epoch, sequence, subject, was.epoch, was.sequence)
	}
	*was = stamp{epoch, sequence}
}

// Forgotten tells that node has dropped its record of subject: anything is
// newer than nothing.
func (u *Updates) Forgotten(node int, subject string) {
	if i, exists := u.index[subject]; exists && u.newest[node] != nil {
		u.newest[node][i] = stamp{}
	}
}
