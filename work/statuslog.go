package work

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"path"

	"receptor/work/vfs"
)

// A status file is a log, a status a line, of which the last that is safe from a crash
// counts:
//
//	{"Format":1,"State":0,…,"Sum":"1f3a5b02"},
//	"Format":1,"State":2,…,"Sum":"90c4d7e1"}
//
// It is one object of JSON all the same, whose later members override the earlier ones:
// deployed nodes, and people's tools, read it as that. Sum is the CRC-32C of what is
// before it in the line, from Format on.
//
// A line is written in the place of the brace that ends the object, with a space where its
// newline will be, and synced. The newline is put there once that is done, and is not
// synced. So what ends with one is safe. What comes after the last one is a status that may
// be, or what a crash has left of one that is not: it counts once who may write has made it
// safe (settleStatus), before anything else is written.
const (
	logFormat = `"Format":1,`
	logStart  = `{"Format":`
	sumFormat = `,"Sum":"%08x"`
	sumLength = len(`,"Sum":"00000000"`)
	// lineEnd is the length of what ends a line: a comma or the brace, and the newline.
	lineEnd = len("}\n")
)

// maxLog is the size in bytes from which on a log is written anew, with its last line
// alone.
const maxLog = 64 << 10

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// logLine returns the line of a status, without what is around it.
func logLine(s Status) []byte {
	b := mustJSON(s)
	return appendSum(append([]byte(logFormat), b[1:len(b)-1]...))
}

func appendSum(line []byte) []byte {
	return fmt.Appendf(line, sumFormat, crc32.Checksum(line, castagnoli))
}

// parseLine is the inverse of logLine.
func parseLine(line []byte) (Status, error) {
	at := len(line) - sumLength
	if at < 0 || string(line[at:]) != fmt.Sprintf(sumFormat, crc32.Checksum(line[:at], castagnoli)) {
		return Status{}, errors.New("it is damaged: a sum is wrong")
	}
	if !bytes.HasPrefix(line, []byte(logFormat)) {
		format, _, _ := bytes.Cut(line, []byte(","))
		return Status{}, fmt.Errorf("it has %s, and this program reads %s", format, logFormat[:len(logFormat)-1])
	}
	return decodeStatus(fmt.Appendf(nil, "{%s}", line))
}

// statusLog is the content of a status file.
type statusLog struct {
	// last is the last status that is safe; there may be none.
	last Status
	// end is where that ends, 0 if there is none.
	end int64
	// tail is a whole one after that, which may be safe or not, and rest the line with it.
	tail *Status
	rest []byte
	// plain: it is no log, but the one object of a deployed node.
	plain bool
}

// parseLog parses the content of a status file, which may be anything.
func parseLog(b []byte) (l statusLog, err error) {
	if !bytes.HasPrefix(b, []byte(logStart)) {
		l.last, err = decodeStatus(b)
		l.plain = true
		return l, err
	}
	end := bytes.LastIndexByte(b, '\n') + 1
	if s, err := parseLine(inner(b[end:])); err == nil {
		l.tail, l.rest = &s, b[end:]
	}
	if l.end = int64(end); end == 0 {
		return l, nil
	}
	l.last, err = parseLine(inner(b[bytes.LastIndexByte(b[:end-1], '\n')+1 : end]))
	return l, err
}

// inner returns a line without what is around it.
func inner(line []byte) []byte {
	line = bytes.TrimPrefix(line, []byte("{"))
	return line[:max(len(line)-lineEnd, 0)]
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

// readLog reads the status file in the directory of a unit.
func readLog(fsys vfs.FS, dir string) (statusLog, error) {
	name := path.Join(dir, StatusFile)
	f, err := fsys.Open(name, vfs.Read)
	if err != nil {
		return statusLog{}, fmt.Errorf("read the status of a unit: %w", err)
	}
	defer f.Close()
	return readLogFile(f, name)
}

func readLogFile(f vfs.File, name string) (l statusLog, err error) {
	b, err := readAll(f)
	if err != nil {
		return l, fmt.Errorf("read the status of a unit: %w", err)
	}
	if l, err = parseLog(b); err != nil {
		return l, &badStatus{fmt.Errorf("%s is unusable: %w", name, err)}
	}
	return l, nil
}

// readAll reads a file to its end.
func readAll(f vfs.File) ([]byte, error) {
	size, err := f.Size()
	if err != nil {
		return nil, err
	}
	b := make([]byte, size)
	n, err := f.ReadAt(b, 0)
	if err == io.EOF {
		err = nil
	}
	return b[:n], err
}

// safe returns the last status that is safe.
func (l statusLog) safe(dir string) (Status, error) {
	if l.end == 0 && !l.plain {
		return Status{}, &badStatus{fmt.Errorf("%s is unusable: no status in it is known to be safe", path.Join(dir, StatusFile))}
	}
	return l.last, nil
}

// ReadStatus reads the status in the directory of a unit: the last one that is safe from
// a crash.
func ReadStatus(fsys vfs.FS, dir string) (Status, error) {
	l, err := readLog(fsys, dir)
	if err != nil {
		return Status{}, err
	}
	return l.safe(dir)
}

// latest returns the last status of all, safe or not.
func (l statusLog) latest(dir string) (Status, error) {
	if l.tail != nil {
		return *l.tail, nil
	}
	return l.safe(dir)
}

// ReadClaim returns the claim in the status of a unit, nil if there is none, and whether
// its supervisor is through with the unit. One that is not known to be safe counts, too: its
// supervisor may have started the command.
func ReadClaim(fsys vfs.FS, dir string) (claim json.RawMessage, done bool, err error) {
	l, err := readLog(fsys, dir)
	if err != nil {
		return nil, false, err
	}
	s, err := l.latest(dir)
	return s.Claim, s.Done, err
}

// settleStatus is ReadStatus for who may write the status: the last one of all is made
// safe. Before anything else is written, that must be done: it may be safe already, and
// known to somebody.
func settleStatus(fsys vfs.FS, dir string) (Status, error) {
	l, err := readLog(fsys, dir)
	switch {
	case err != nil:
		return Status{}, err
	case l.tail == nil:
		return l.safe(dir)
	}
	if l, err = settleLog(fsys, dir); err != nil {
		return Status{}, fmt.Errorf("make the status of a unit safe: %w", err)
	}
	return l.latest(dir)
}

// settleLog writes what is at the end of a log once more, as its sync may have failed,
// which another sync would not make up for. What is there is not changed meanwhile.
func settleLog(fsys vfs.FS, dir string) (statusLog, error) {
	name := path.Join(dir, StatusFile)
	f, err := fsys.Open(name, vfs.Update)
	if err != nil {
		return statusLog{}, err
	}
	defer f.Close()
	l, err := readLogFile(f, name)
	if err != nil || l.tail == nil {
		return l, err
	}
	if err = writeLine(f, l.end, l.rest); err == nil && l.end == 0 { // the file itself may be new
		err = fsys.SyncDir(dir)
	}
	if err == nil {
		err = markSafe(f)
	}
	return l, err
}

// Errors of WriteStatus and ClaimStatus.
var (
	// ErrTerminal means that the status on disk is terminal and the new one says
	// otherwise.
	ErrTerminal = errors.New("the unit is complete already")
	// ErrDeployed means that the status is one of a deployed node.
	ErrDeployed = errors.New("its status is that of a deployed node")
)

// WriteStatus adds a status to the file in the directory of a unit. When it
// returns, the new one would survive a crash; before, the old one does. Only
// one process may do so at a time: the daemon until it has started the
// supervisor, the supervisor until it ends, then the daemon again. Whoever
// writes, a terminal status stays, and so do the key of the unit's submission, its
// secret and its claim.
func WriteStatus(fsys vfs.FS, dir string, s Status) error {
	if err := writeStatus(fsys, dir, s); err != nil {
		return fmt.Errorf("write the status of a unit: %w", err)
	}
	return nil
}

func writeStatus(fsys vfs.FS, dir string, s Status) error {
	name := path.Join(dir, StatusFile)
	f, err := fsys.Open(name, vfs.Update)
	if errors.Is(err, fs.ErrNotExist) {
		return replaceLog(fsys, name, s)
	}
	if err != nil {
		return fmt.Errorf("which may be complete: %w", err)
	}
	defer f.Close()
	l, err := readLogFile(f, name)
	if isUnread(err) {
		return fmt.Errorf("which may be complete: %w", err)
	}
	if err != nil { // nothing of it is of use
		return replaceLog(fsys, name, s)
	}
	if l.last.contradicts(s) {
		old := l.last
		return fmt.Errorf("%w: it is %v (%s), not %v (%s)", ErrTerminal, old.State, old.Detail, s.State, s.Detail)
	}
	s.inherit(l.last)
	if l.tail != nil {
		s.inherit(*l.tail)
	}
	line := logLine(s)
	// A supervisor holds a lock on the file, which is not to be another; it writes little.
	if l.end == 0 || s.Claim == nil && l.end > max(maxLog, 4*int64(len(line))) {
		return replaceLog(fsys, name, s)
	}
	return appendLine(f, l.end, line)
}

// inherit takes over from an earlier status what no other one changes.
func (s *Status) inherit(old Status) {
	if s.Submission == nil {
		s.Submission = old.Submission
	}
	if s.Claim == nil {
		s.Claim = old.Claim
	}
	s.Done = s.Done || old.Done
	if s.Secret == "" {
		s.Secret = old.Secret
	}
	switch {
	case s.Claim != nil || s.State.Terminal():
		s.Input = nil
	case s.Input == nil:
		s.Input = old.Input
	}
}

// appendLine adds a line to a log whose last safe one ends at a byte.
func appendLine(f vfs.File, end int64, line []byte) error {
	size, err := f.Size()
	if err == nil && size > end { // what was not safe is of no use any more
		err = f.Truncate(end)
	}
	if err == nil {
		err = writeLine(f, end, fmt.Appendf(nil, "%s} ", line))
	}
	if err == nil {
		err = markSafe(f)
	}
	return err
}

// writeLine writes a line with its end, behind one that ends at a byte, and syncs it. A
// sync that has failed before may have lost the end of that one, too.
func writeLine(f vfs.File, at int64, line []byte) error {
	if at > 0 {
		at, line = at-int64(lineEnd), append([]byte(",\n"), line...)
	}
	if _, err := f.WriteAt(line, at); err != nil {
		return err
	}
	return f.Sync()
}

// markSafe says that the last line of a log is safe.
func markSafe(f vfs.File) error {
	size, err := f.Size()
	if err == nil {
		_, err = f.WriteAt([]byte("\n"), size-1)
	}
	return err
}

// newLog returns a log of one status, of which nobody knows yet whether it is safe.
func newLog(s Status) []byte { return fmt.Appendf(nil, "{%s} ", logLine(s)) }

// replaceLog replaces a status file in one step.
func replaceLog(fsys vfs.FS, name string, s Status) error {
	if err := replaceFile(fsys, name, newLog(s)); err != nil {
		return err
	}
	f, err := fsys.Open(name, vfs.Update)
	if err != nil {
		return err
	}
	return errors.Join(markSafe(f), f.Close())
}

// ClaimStatus has the supervisor that a claim is of be the one that runs the unit whose
// status file f is, open for Update. done says that it is through with the unit already.
// The claim is safe from a crash when it returns no error, and the status has the Input, if there is any. ErrClaimed means that another
// was first, ErrTerminal that nothing is to be run, ErrDeployed that nobody claims it.
func ClaimStatus(f vfs.File, claim json.RawMessage, done bool) (Status, error) {
	l, err := readLogFile(f, StatusFile)
	if err != nil {
		return Status{}, err
	}
	if l.plain {
		return Status{}, ErrDeployed
	}
	s, err := l.latest("")
	switch {
	case err != nil:
		return Status{}, err
	case s.Claim != nil:
		return Status{}, ErrClaimed
	case s.State.Terminal():
		return Status{}, ErrTerminal
	case l.tail != nil:
		return Status{}, errors.New("its status may not be safe")
	}
	s.Claim, s.Done = claim, done
	s.Version++
	line := s
	line.Input = nil
	return s, appendLine(f, l.end, logLine(line))
}

// submissionOf returns the identity in the first line of a log, whatever has become of
// the rest.
func submissionOf(b []byte) *identity {
	if end := bytes.IndexByte(b, '\n') + 1; end > 0 {
		b = b[:end]
	}
	s, err := parseLine(inner(b))
	if err != nil {
		return nil
	}
	return s.Submission
}
