package check

import "time"

// Updates checks that no node accepts an older routing update over a newer one.
type Updates struct {
	ids    []string
	index  map[string]int
	newest [][]stamp // by observer and subject; a row is made when needed
	report Report
}

// stamp is the version of an update; zero: none is on record.
type stamp struct{ epoch, sequence uint64 }

// after reports whether s is newer than o (PROTOCOL section 2.2).
func (s stamp) after(o stamp) bool {
	return s.epoch > o.epoch || s.epoch == o.epoch && s.sequence > o.sequence
}

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
	is := stamp{epoch, sequence}
	if *was != (stamp{}) && !is.after(*was) {
		u.report(now, u.ids[node], RuleUpdate, "it accepted update (%d, %d) of %s after (%d, %d)",
			epoch, sequence, subject, was.epoch, was.sequence)
	}
	*was = is
}

// Forgotten tells that node has dropped its record of subject: anything is
// newer than nothing.
func (u *Updates) Forgotten(node int, subject string) {
	if i, exists := u.index[subject]; exists && u.newest[node] != nil {
		u.newest[node][i] = stamp{}
	}
}

// Newest returns the version of the update of subject that node has accepted
// last; zero: none is on record.
func (u *Updates) Newest(node, subject int) (epoch, sequence uint64) {
	if u.newest[node] == nil {
		return 0, 0
	}
	s := u.newest[node][subject]
	return s.epoch, s.sequence
}
