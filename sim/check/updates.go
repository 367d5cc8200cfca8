package check

import (
	"slices"
	"time"
)

// Updates checks that no node accepts an older routing update over a newer one.
// What it remembers grows with the square of the mesh, so the versions are
// numbered, and a number is all that is kept for each observer and subject.
type Updates struct {
	ids      []string
	index    map[string]int
	versions [][]stamp  // by subject: those that any node has accepted
	newest   [][]uint32 // by observer and subject: 1 + place in versions, 0: none; a row is made when needed
	report   Report
}

// stamp is the version of an update.
type stamp struct{ epoch, sequence uint64 }

// after reports whether s is newer than o (PROTOCOL section 2.2).
func (s stamp) after(o stamp) bool {
	return s.epoch > o.epoch || s.epoch == o.epoch && s.sequence > o.sequence
}

// NewUpdates returns the checker of nodes with these IDs, numbered in order.
func NewUpdates(ids []string, report Report) *Updates {
	u := &Updates{
		ids: ids, index: make(map[string]int, len(ids)),
		versions: make([][]stamp, len(ids)), newest: make([][]uint32, len(ids)), report: report,
	}
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
		u.newest[node] = make([]uint32, len(u.ids))
	}
	newest := &u.newest[node][i]
	is := stamp{epoch, sequence}
	if was := u.stamp(i, *newest); *newest != 0 && !is.after(was) {
		u.report(now, u.ids[node], RuleUpdate, "it accepted update (%d, %d) of %s after (%d, %d)",
			epoch, sequence, subject, was.epoch, was.sequence)
	}
	*newest = 1 + u.number(i, is)
}

// stamp returns the version that newest stands for.
func (u *Updates) stamp(subject int, newest uint32) stamp {
	if newest == 0 {
		return stamp{}
	}
	return u.versions[subject][newest-1]
}

// number returns the place of a version, which is one of the last if some node
// has accepted it before.
func (u *Updates) number(subject int, s stamp) uint32 {
	known := u.versions[subject]
	for k, v := range slices.Backward(known) {
		if v == s {
			return uint32(k)
		}
	}
	u.versions[subject] = append(known, s)
	return uint32(len(known))
}

// Forgotten tells that node has dropped its record of subject: anything is
// newer than nothing.
func (u *Updates) Forgotten(node int, subject string) {
	if i, exists := u.index[subject]; exists && u.newest[node] != nil {
		u.newest[node][i] = 0
	}
}

// Newest returns the version of the update of subject that node has accepted
// last; zero: none is on record.
func (u *Updates) Newest(node, subject int) (epoch, sequence uint64) {
	if u.newest[node] == nil {
		return 0, 0
	}
	s := u.stamp(subject, u.newest[node][subject])
	return s.epoch, s.sequence
}

// Restarted tells that node has begun anew, and knows nothing.
func (u *Updates) Restarted(node int) { u.newest[node] = nil }

// Suspected tells that node has been told that the update of subject with this
// epoch is a duplicate's: it may go back to an older one.
func (u *Updates) Suspected(node int, subject string, epoch uint64) {
	i, exists := u.index[subject]
	if !exists {
		return
	}
	if on, _ := u.Newest(node, i); on == epoch {
		u.Forgotten(node, subject)
	}
}
