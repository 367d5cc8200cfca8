package work

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"sync"
	"time"

	"receptor/work/vfs"
)

const (
	// keyLife is how long the key of a submission outlives its unit.
	keyLife = 24 * time.Hour
	// maxTombstones is how many keys outlive their units.
	maxTombstones = 100_000
	// keysFile is where they are kept, in the node's directory: a tombstone a
	// line, the oldest first.
	keysFile = "submissions"
	// spareLines is how many lines of that file may be of no use any more,
	// beside as many as are of use, before it is written anew.
	spareLines = 1000
)

// keys are the keys of submissions that this node knows.
//
//	          reserve           settle            bury
//	(unknown) -----> being made -----> of a unit -----> tombstone --> (unknown)
//	    |  ^              |                                 ^   a day
//	    |  +--------------+ not made                        |
//	    +---------------------------------------------------+ bury
type keys struct {
	store store

	mu     sync.Mutex
	units  map[string]string        // unit IDs
	making map[string]chan struct{} // closed when the key has left this state
	over   tombstones
	lines  int      // in the file
	file   vfs.File // nil until it is needed
}

func newKeys(st store) *keys {
	return &keys{
		store: st, units: make(map[string]string), making: make(map[string]chan struct{}), over: newTombstones(maxTombstones),
	}
}

func (k *keys) path() string { return path.Join(k.store.dir, keysFile) }

// overError is for a submission that comes after its unit has gone. It does not
// show the key, which would go into the status of the unit that is submitted.
type overError struct{ since time.Time }

func (e *overError) Error() string {
	return fmt.Sprintf("this submission is over since %s, and its unit gone: it is not run again", e.since.UTC().Format(time.RFC3339))
}

// reserve returns the unit of a key, or reserves the key for a unit that the
// caller makes and must settle. It waits for another caller that does so.
func (k *keys) reserve(key string, now time.Time) (id string, err error) {
	for {
		id, wait, err := k.tryReserve(key, now)
		if wait == nil {
			return id, err
		}
		<-wait
	}
}

func (k *keys) tryReserve(key string, now time.Time) (id string, wait <-chan struct{}, err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if since, ok := k.over.find(key, now); ok {
		return "", nil, &overError{since}
	}
	if id, ok := k.units[key]; ok {
		return id, nil, nil
	}
	if wait, ok := k.making[key]; ok {
		return "", wait, nil
	}
	k.making[key] = make(chan struct{})
	return "", nil, nil
}

// has reports whether there is a unit of a key, or somebody makes one.
func (k *keys) has(key string) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	_, made := k.units[key]
	_, making := k.making[key]
	return made || making
}

// withdraw returns the unit of a key. If there is none, there will never be, unless
// allowed returns an error.
func (k *keys) withdraw(key, from string, now time.Time, allowed func() error) (id string, err error) {
	id, err = k.reserve(key, now)
	var over *overError
	switch {
	case errors.As(err, &over):
		return "", nil
	case err != nil || id != "":
		return id, err
	}
	defer k.settle(key, "", now)
	if err := allowed(); err != nil {
		return "", err
	}
	return "", k.bury(key, from, now)
}

// settle ends a reservation. Without an ID no unit was made; one that was may be gone
// again.
func (k *keys) settle(key, id string, now time.Time) {
	k.mu.Lock()
	defer k.mu.Unlock()
	close(k.making[key])
	delete(k.making, key)
	if _, over := k.over.find(key, now); id != "" && !over {
		k.units[key] = id
	}
}

// add makes a unit of a former run known, unless its submission has come again
// while it could not be read, and made another.
func (k *keys) add(key, id string) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if other, ok := k.units[key]; ok && other != id {
		return &badStatus{fmt.Errorf("its submission has made unit %s", other)}
	}
	k.units[key] = id
	return nil
}

// bury makes a key that came from a node a tombstone, on disk when it returns.
func (k *keys) bury(key, from string, now time.Time) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if _, ok := k.over.find(key, now); ok {
		return nil
	}
	t := tombstone{Key: key, Over: now.UTC(), From: from}
	if err := k.write(t); err != nil {
		return fmt.Errorf("keep the key of a submission that is over: %w", err)
	}
	k.over.add(t, now)
	delete(k.units, key)
	return nil
}

// write appends a tombstone to the file, or writes the file anew when much of
// it is of no use. It requires mu.
func (k *keys) write(t tombstone) error {
	if k.file == nil || k.lines > 2*len(k.over.over)+spareLines {
		return k.rewrite(append(k.over.all(), t))
	}
	_, err := k.file.Write(t.encode())
	if err == nil {
		err = k.file.Sync()
	}
	if err != nil {
		k.drop() // half a line may be at its end
		return err
	}
	k.lines++
	return nil
}

// rewrite replaces the file. It requires mu.
func (k *keys) rewrite(list []tombstone) error {
	k.drop()
	var content bytes.Buffer
	for _, t := range list {
		content.Write(t.encode())
	}
	if err := replaceFile(k.store.fs, k.path(), content.Bytes()); err != nil {
		return err
	}
	f, err := k.store.fs.Open(k.path(), vfs.Append)
	if err != nil {
		return err
	}
	k.file, k.lines = f, len(list)
	return nil
}

func (k *keys) drop() {
	if k.file != nil {
		k.file.Close()
		k.file = nil
	}
}

func (t tombstone) encode() []byte { return append(mustJSON(t), '\n') }

// load reads the tombstones of former runs. A line that cannot be read is the
// end of a write that a crash has cut short, and counts for nothing. Whole ones at
// the end may not be safe yet.
func (k *keys) load(now time.Time) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	b, err := readFile(k.store.fs, k.path())
	if err == nil && len(b) > 0 {
		err = k.sync()
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read the keys of former submissions: %w", err)
	}
	var list []tombstone
	for line := range bytes.Lines(b) {
		var t tombstone
		if json.Unmarshal(line, &t) != nil || t.Key == "" {
			continue
		}
		// A clock that was set back must not keep it for ever.
		if t.Over.After(now) {
			t.Over = now.UTC()
		}
		list = append(list, t)
	}
	slices.SortStableFunc(list, func(a, b tombstone) int { return a.Over.Compare(b.Over) })
	for _, t := range list {
		if _, ok := k.over.find(t.Key, now); !ok && now.Sub(t.Over) < keyLife {
			k.over.add(t, now)
		}
	}
	return nil
}

// sync makes the file safe. It requires mu.
func (k *keys) sync() error {
	f, err := k.store.fs.Open(k.path(), vfs.Append)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

func (k *keys) close() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.drop()
}

// findIdentity returns that of the submission of a unit whose status may be damaged; it
// is nil if it came without a key, or nothing tells.
func (st store) findIdentity(id string) *identity {
	b, err := readFile(st.fs, path.Join(st.unitDir(id), StatusFile))
	if err != nil {
		return nil
	}
	return submissionOf(b)
}
