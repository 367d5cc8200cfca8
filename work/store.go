package work

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"path"
	"strings"

	"receptor/work/journal"
	"receptor/work/vfs"
)

// Names of the files in a unit's directory.
const (
	StatusFile = "status" // see statuslog.go
	StdinFile  = "stdin"
	StderrFile = "stderr" // if it is kept apart
	StdoutFile = "stdout"
	// OrderFile has what was asked of a unit that runs a command: to be carried
	// out when its supervisor has ended.
	OrderFile = "order"
	// DamagedFile says why the directory cannot be used, for a person.
	DamagedFile = "damaged"
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
	return readAll(f)
}

// fileReader reads a file from a byte to its present end.
func fileReader(f vfs.File, pos int64) io.Reader { return io.NewSectionReader(f, pos, 1<<62-pos) }

// store is the directory of a node: one directory per unit.
type store struct {
	fs  vfs.FS
	dir string
	// young is what fs is, too: it keeps the units of other nodes in a journal at first.
	// Nil for none.
	young *journal.FS
}

func newStore(below vfs.FS, dir string) store {
	j := journal.New(below, dir)
	return store{fs: j, dir: dir, young: j}
}

func (st store) unitDir(id string) string { return path.Join(st.dir, id) }

// create makes the directory of a unit in one step, with an empty stdin and
// stdout, and the given status.
func (st store) create(id string, s Status) error {
	temp := st.unitDir(id) + endingNew
	mkdir := st.fs.MkdirAll
	if st.young != nil && s.WorkType == remoteType { // no supervisor is to find it
		mkdir = st.young.MkdirYoung
	}
	err := mkdir(temp)
	if err == nil {
		err = st.fill(temp, s)
	}
	if err == nil {
		err = st.fs.Rename(temp, st.unitDir(id))
	}
	if err != nil {
		_ = st.fs.RemoveAll(temp) // or else the next start does it
		return fmt.Errorf("make the directory of unit %s: %w", id, err)
	}
	if err := st.fs.SyncDir(st.dir); err != nil {
		return errors.Join(fmt.Errorf("make the directory of unit %s: %w", id, err), st.unmake(id))
	}
	return nil
}

// unmake removes the directory of a unit that nobody was told of: one that a crash brings
// back all the same is whole.
func (st store) unmake(id string) error {
	gone := st.unitDir(id) + endingReleased
	if err := st.fs.Rename(st.unitDir(id), gone); err != nil {
		return err
	}
	return st.fs.RemoveAll(gone)
}

// fill makes the files of a new unit. The status is safe before the directory has its
// name.
func (st store) fill(dir string, s Status) error {
	names := []string{StdoutFile}
	if s.WorkType == remoteType {
		names = append(names, StdinFile) // others begin with it in memory
	}
	for _, name := range names {
		if err := writeFile(st.fs, path.Join(dir, name), nil); err != nil {
			return err
		}
	}
	if err := writeFile(st.fs, path.Join(dir, StatusFile), fmt.Appendf(nil, "{%s}\n", logLine(s))); err != nil {
		return err
	}
	return st.fs.SyncDir(dir)
}

// restoreStatus reads the status of a unit at a start, and makes it safe, unless a
// supervisor may just be about to do so.
func (st store) restoreStatus(id string) (Status, error) {
	dir := st.unitDir(id)
	if claim, _, err := ReadClaim(st.fs, dir); err == nil && claim != nil {
		return ReadStatus(st.fs, dir)
	}
	return settleStatus(st.fs, dir)
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
// could be those of units, sorted. That there are such units is safe then.
func (st store) scan() (ids []string, err error) {
	if err := st.makeDir(st.dir); err != nil {
		return nil, fmt.Errorf("make the directory for units of work: %w", err)
	}
	names, err := st.fs.ReadDir(st.dir)
	if err == nil {
		err = st.fs.SyncDir(st.dir)
	}
	if err != nil {
		return nil, fmt.Errorf("list units of work: %w", err)
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
				return nil, fmt.Errorf("remove the rest of a unit: %w", err)
			}
		}
	}
	return ids, nil
}
