package work

import (
	"path"
	"slices"
	"strings"

	"receptor/work/vfs"
)

// A process can be killed after it has renamed a new status, and before it has synced
// the directory. What the next start reads then is something that a power cut would
// still take back, so nothing may follow from it until it is synced. Units that are
// complete are many, and to sync the directory of each would take long: who writes a
// terminal status marks the unit meanwhile. A mark need not outlive a power cut, as what
// is read after one is on disk. Units that are not complete are few, and always synced:
// a mark is as dear as the rename.

// endingUnsynced is that of a mark: an empty file beside the directory of the unit,
// where a start sees it without another look.
const endingUnsynced = ".unsynced"

// markUnsynced says that the status in a directory is about to be a terminal one.
func markUnsynced(fsys vfs.FS, dir string) error {
	f, err := fsys.Open(dir+endingUnsynced, vfs.Create)
	if err != nil {
		return err
	}
	return f.Close()
}

// unmark says that the status in a directory is safe, or gone. If that fails, the next
// start syncs the directory for nothing.
func unmark(fsys vfs.FS, dir string) { _ = fsys.RemoveAll(dir + endingUnsynced) }

// makeSafe syncs the directory of a unit that may need it, whose status was read. A mark
// stays: a supervisor may just be about to make the change.
func (st store) makeSafe(id string, s Status, marked []string) error {
	if _, is := slices.BinarySearch(marked, id); !is && s.State.Terminal() {
		return nil
	}
	return st.fs.SyncDir(st.unitDir(id))
}

// sortMarks returns which of the names in the node's directory, sorted, are marked, and
// removes marks of what is gone.
func (st store) sortMarks(names []string) (marked []string) {
	for _, name := range names {
		dir, is := strings.CutSuffix(name, endingUnsynced)
		if !is {
			continue
		}
		switch _, found := slices.BinarySearch(names, dir); {
		case !found:
			unmark(st.fs, path.Join(st.dir, dir))
		case validUnitID(dir): // from that of a tombstone follows nothing that is not safe
			marked = append(marked, dir)
		}
	}
	return marked
}
