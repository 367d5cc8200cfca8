package work

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"path"
	"strings"

	"receptor/work/vfs"
)

// Names of the files in a unit's directory.
const (
	StatusFile = "status"
	LockFile   = "status.lock" // of deployed nodes, which lock it; empty
	StdinFile  = "stdin"
	StderrFile = "stderr" // if it is kept apart
	StdoutFile = "stdout"
	// OrderFile has what was asked of a unit that runs a command: to be carried
	// out when its supervisor has ended.
	OrderFile = "order"
	// DamagedFile says why the directory cannot be used, for a person.
	DamagedFile = "damaged"
	// SubmissionFile has the key of the submission, if it came with one.
	SubmissionFile = "submission"
)

// Endings of directories that are not yet, or no longer, those of a unit, and
// of a status file that is being written. A crash can leave them.
const (
	endingNew      = ".new"
	endingReleased = ".released"
	endingTemp     = ".tmp"
)

const (
	unitIDLength  = 8
	unitIDLetters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
)

// validUnitID tells whether s could name a unit. Nothing else may become part
// of a path.
func validUnitID(s string) bool {
	return len(s) == unitIDLength && strings.Trim(s, unitIDLetters) == ""
}

// randomUnitID draws a unit ID.
func randomUnitID(r *rand.Rand) string {
	b := make([]byte, unitIDLength)
	for i := range b {
		b[i] = unitIDLetters[r.IntN(len(unitIDLetters))]
	}
	return string(b)
}

// badStatus is for a status file that was read, and cannot be used.
type badStatus struct{ error }

// Unwrap makes the reason known.
func (e *badStatus) Unwrap() error { return e.error }

// isUnread tells of an error of ReadStatus that says nothing about the status: it
// could not be read just now, for want of open files perhaps.
func isUnread(err error) bool {
	var bad *badStatus
	return err != nil && !errors.As(err, &bad) && !errors.Is(err, fs.ErrNotExist)
}

// ReadStatus reads the status file in the directory of a unit.
func ReadStatus(fsys vfs.FS, dir string) (Status, error) {
	name := path.Join(dir, StatusFile)
	b, err := readFile(fsys, name)
	if err != nil {
		return Status{}, fmt.Errorf("read the status of a unit: %w", err)
	}
	s, err := decodeStatus(b)
	if err != nil {
		return Status{}, &badStatus{fmt.Errorf("%s is unusable: %w", name, err)}
	}
	return s, nil
}

// ErrTerminal is how WriteStatus ends when the status on disk is terminal and
// the new one says otherwise.
var ErrTerminal = errors.New("the unit is complete already")

// WriteStatus replaces the status file in the directory of a unit. When it
// returns, the new one would survive a crash; before, the old one does. Only
// one process may do so at a time: the daemon until it has started the
// supervisor, the supervisor until it ends, then the daemon again. Whoever
// writes, a terminal status stays.
func WriteStatus(fsys vfs.FS, dir string, s Status) error {
	old, err := ReadStatus(fsys, dir)
	switch {
	case isUnread(err):
		return fmt.Errorf("write the status of a unit, which may be complete: %w", err)
	case err == nil && old.contradicts(s):
		return fmt.Errorf("write the status of a unit: %w: it is %v (%s), not %v (%s)", ErrTerminal, old.State, old.Detail, s.State, s.Detail)
	}
	if err := replaceStatus(fsys, dir, s); err != nil {
		return fmt.Errorf("write the status of a unit: %w", err)
	}
	return nil
}

// replaceStatus leaves a mark for the next start while a terminal status may be read
// and is not safe.
func replaceStatus(fsys vfs.FS, dir string, s Status) error {
	name := path.Join(dir, StatusFile)
	if !s.State.Terminal() {
		return replaceFile(fsys, name, s.encode())
	}
	err := markUnsynced(fsys, dir)
	if err == nil {
		err = replaceFile(fsys, name, s.encode())
	}
	if err == nil {
		unmark(fsys, dir)
	}
	return err
}

// replaceFile replaces a file in one step: a crash leaves the old one or the
// new one, and after it has returned the new one.
func replaceFile(fsys vfs.FS, name string, content []byte) error {
	err := writeFile(fsys, name+endingTemp, content)
	if err == nil {
		err = fsys.Rename(name+endingTemp, name)
	}
	if err == nil {
		err = fsys.SyncDir(path.Dir(name))
	}
	return err
}

// writeFile makes a file with the given content and syncs it.
func writeFile(fsys vfs.FS, name string, content []byte) error {
	f, err := fsys.Open(name, vfs.Create)
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	if err == nil && len(content) > 0 {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

// readFile returns the content of a file.
func readFile(fsys vfs.FS, name string) ([]byte, error) {
	f, err := fsys.Open(name, vfs.Read)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(fileReader(f, 0))
}

// fileReader reads a file from a byte to its present end.
func fileReader(f vfs.File, pos int64) io.Reader { return io.NewSectionReader(f, pos, 1<<62-pos) }

// store is the directory of a node: one directory per unit.
type store struct {
	fs  vfs.FS
	dir string
}

func (st store) unitDir(id string) string { return path.Join(st.dir, id) }

// create makes the directory of a unit in one step, with an empty stdin and
// stdout, the given status, and its submission if that has a key.
func (st store) create(id string, s Status, of identity) error {
	temp := st.unitDir(id) + endingNew
	err := st.fill(temp, s, of)
	if err == nil {
		err = st.fs.Rename(temp, st.unitDir(id))
	}
	if err != nil {
		_ = st.fs.RemoveAll(temp) // or else the next start does it
		return fmt.Errorf("make the directory of unit %s: %w", id, err)
	}
	if err := st.fs.SyncDir(st.dir); err != nil {
		return errors.Join(fmt.Errorf("make the directory of unit %s: %w", id, err), st.remove(id))
	}
	return nil
}

// fill makes a directory with the files of a new unit.
func (st store) fill(dir string, s Status, of identity) error {
	if err := st.fs.MkdirAll(dir); err != nil {
		return err
	}
	if of.Key != "" {
		if err := writeFile(st.fs, path.Join(dir, SubmissionFile), mustJSON(of)); err != nil {
			return err
		}
	}
	for _, name := range []string{LockFile, StdinFile, StdoutFile} {
		if err := writeFile(st.fs, path.Join(dir, name), nil); err != nil {
			return err
		}
	}
	if err := writeFile(st.fs, path.Join(dir, StatusFile), s.encode()); err != nil {
		return err
	}
	return st.fs.SyncDir(dir)
}

// markDamaged marks the directory of a unit that cannot be used. That is for a
// person: if it fails, the event says the same.
func (st store) markDamaged(id string, why error) {
	_ = writeFile(st.fs, path.Join(st.unitDir(id), DamagedFile), []byte(why.Error()+"\n"))
}

// unmarkDamaged takes the mark from a unit that can be used again.
func (st store) unmarkDamaged(id string) {
	name := path.Join(st.unitDir(id), DamagedFile)
	if f, err := st.fs.Open(name, vfs.Read); err == nil {
		f.Close()
		_ = st.fs.RemoveAll(name) // or else the next start does it
	}
}

// remove removes the directory of a unit. The unit is gone in one step; what a
// crash leaves of its files goes at the next start.
func (st store) remove(id string) error {
	gone := st.unitDir(id) + endingReleased
	err := st.fs.Rename(st.unitDir(id), gone)
	if errors.Is(err, fs.ErrNotExist) {
		err = nil // an earlier try has come so far; or somebody else has removed it, which is just as well
	}
	if err == nil {
		err = st.fs.SyncDir(st.dir)
	}
	if err == nil {
		unmark(st.fs, st.unitDir(id))
		err = st.fs.RemoveAll(gone)
	}
	if err != nil {
		return fmt.Errorf("remove the directory of unit %s: %w", id, err)
	}
	return nil
}

// empty makes room on the disk: it removes what can be large of a unit that is
// about to be removed.
func (st store) empty(dir string) {
	for _, name := range []string{StdinFile, StdoutFile, StderrFile} {
		_ = st.fs.RemoveAll(path.Join(dir, name)) // or else remove does it
	}
}

// makeDir makes a directory, and those above it, safe from a crash.
func (st store) makeDir(dir string) error {
	_, err := st.fs.ReadDir(dir)
	if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	above := path.Dir(dir)
	if above != dir {
		err = st.makeDir(above)
	}
	if err == nil || above == dir {
		err = st.fs.MkdirAll(dir)
	}
	if err == nil {
		err = st.fs.SyncDir(above)
	}
	return err
}

// scan makes the node's directory if there is none, removes what a crash has
// left of units that were being made or removed, and returns the names that
// could be those of units, sorted, and which directories are to be synced before
// they are used. That there are such units is safe then.
func (st store) scan() (ids, marked []string, err error) {
	if err := st.makeDir(st.dir); err != nil {
		return nil, nil, fmt.Errorf("make the directory for units of work: %w", err)
	}
	names, err := st.fs.ReadDir(st.dir)
	if err == nil {
		err = st.fs.SyncDir(st.dir)
	}
	if err != nil {
		return nil, nil, fmt.Errorf("list units of work: %w", err)
	}
	for _, name := range names {
		if validUnitID(name) {
			ids = append(ids, name)
			continue
		}
		for _, ending := range []string{endingNew, endingReleased} {
			id, ok := strings.CutSuffix(name, ending)
			if !ok || !validUnitID(id) {
				continue
			}
			// A power cut can leave both names of a rename, of one directory. Nobody was
			// told of a unit then that was being made.
			if n := len(ids) - 1; n >= 0 && ids[n] == id {
				ids, err = ids[:n], st.fs.RemoveAll(st.unitDir(id))
			}
			if err == nil {
				err = st.fs.RemoveAll(path.Join(st.dir, name))
			}
			if err != nil {
				return nil, nil, fmt.Errorf("remove the rest of a unit: %w", err)
			}
		}
	}
	return ids, st.sortMarks(names), nil
}
