package disk

import (
	"cmp"
	"maps"
	"math/rand/v2"
	"slices"
)

// Loss is what a power cut makes of changes that were not synced.
type Loss int

const (
	// LoseAll: nothing is left of them.
	LoseAll Loss = iota
	// Torn: the first so many of them survive, and of the next, if it is a write,
	// the first bytes.
	Torn
	// Reordered: any of them survive, whatever was before. Of a write, only the first
	// bytes may, or none, and zeros be in the place of the rest: the length of the file
	// was kept, and not what is in it. A write that is left out leaves zeros, if a later
	// one survives.
	Reordered
)

// PowerCut loses what was not synced, as the Loss says, which draws from r.
// Whoever has a file open on the disk must be dead.
func (d *Disk) PowerCut(l Loss, r *rand.Rand) {
	d.mu.Lock()
	defer d.mu.Unlock()
	owners := make(map[*inode][]change)
	d.root.collect(owners)
	type owned struct {
		change
		of *inode
	}
	var all []owned
	for n, changes := range owners {
		for _, c := range changes {
			all = append(all, owned{c, n})
		}
	}
	slices.SortFunc(all, func(a, b owned) int { return cmp.Compare(a.number, b.number) })
	if l == Torn {
		last := r.IntN(len(all) + 1)
		if last < len(all) && len(all[last].data) > 1 {
			if first := r.IntN(len(all[last].data)); first > 0 {
				all[last].data = all[last].data[:first]
				last++
			}
		}
		all = all[:last]
	}
	for _, c := range all {
		switch {
		case l == LoseAll, l == Reordered && r.IntN(2) != 0:
		case l == Reordered && len(c.data) > 0:
			c.applyPart(&c.of.safe, r.IntN(2*len(c.data)+1))
		default:
			c.apply(&c.of.safe)
		}
	}
	for n := range owners {
		n.image, n.unsafe = n.safe.copy(), nil
	}
}

// collect finds all changes that are not safe, also to what has a name only if
// a change is kept, or is lost.
func (n *inode) collect(into map[*inode][]change) {
	if _, seen := into[n]; seen {
		return
	}
	into[n] = n.unsafe
	for _, entries := range []map[string]*inode{n.entries, n.safe.entries} {
		for child := range maps.Values(entries) {
			child.collect(into)
		}
	}
	for _, c := range n.unsafe {
		if c.child != nil {
			c.child.collect(into)
		}
	}
}
