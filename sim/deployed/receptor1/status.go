package receptor1

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"

	"receptor/work"
	"receptor/work/vfs"
)

// Details of a status, PROTOCOL section 4.
const (
	detailWaiting   = "Waiting for Input Data"
	detailStarting  = "Starting Worker"
	detailLaunching = "Launching command runner"
	detailCanceled  = "Canceled"
	detailKilled    = "Killed"
)

// workUnknown is the extra data of a unit whose work type is not known.
const workUnknown = `"Unknown WorkType"`

// status is that of a unit, as it is on disk and as it is told.
type status struct {
	State      work.State
	Detail     string
	StdoutSize int64
	WorkType   string
	ExtraData  json.RawMessage
}

// complete reports whether such a node holds a unit to be over: not if it is cancelled.
func (s status) complete() bool { return s.State == work.Succeeded || s.State == work.Failed }

// statusFile is the file of a status. The lock is that of the machine, which all
// processes share that use it.
type statusFile struct {
	fs   vfs.FS
	name string
	lock lock
}

// load reads the file into s.
func (f statusFile) load(s *status) error {
	f.lock.acquire()
	defer f.lock.release()
	file, err := f.fs.Open(f.name, vfs.Read)
	if err != nil {
		return err
	}
	defer file.Close()
	return read(file, s)
}

func read(file vfs.File, s *status) error {
	size, err := file.Size()
	if err != nil {
		return err
	}
	b, err := io.ReadAll(io.NewSectionReader(file, 0, size))
	if err != nil {
		return err
	}
	s.ExtraData = bytes.Clone(s.ExtraData) // it is written over, and others may have it
	if err := json.Unmarshal(b, s); err != nil {
		return fmt.Errorf("status %.100q: %w", b, err)
	}
	return nil
}

// update changes what the file has, if anything, and s with it. It empties the file in
// between, and syncs nothing.
func (f statusFile) update(s *status, change func(*status)) error {
	f.lock.acquire()
	defer f.lock.release()
	file, err := f.fs.Open(f.name, vfs.Append)
	if err != nil {
		return err
	}
	defer file.Close()
	if size, err := file.Size(); err != nil {
		return err
	} else if size > 0 {
		if err := read(file, s); err != nil {
			return err
		}
	}
	change(s)
	b, err := json.Marshal(s)
	if err != nil {
		return err
	}
	if err := file.Truncate(0); err != nil {
		return err
	}
	_, err = file.Write(append(b, '\n'))
	return err
}

// basic is a change of all but the extra data; a negative size leaves that as it is.
func basic(state work.State, detail string, size int64) func(*status) {
	return func(s *status) {
		s.State, s.Detail = state, detail
		if size >= 0 {
			s.StdoutSize = size
		}
	}
}
