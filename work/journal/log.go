package journal

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"maps"
	"path"
	"slices"

	"receptor/work/vfs"
)

// A log is two files, of which one counts: the one of a later generation, until it is full.
// Then all that still matters goes to the other one, in a single record, and that counts
// from then on. Both have their size from the start, so to write a record changes none of
// what the file system knows of them, and needs no space.
//
//	file:    magic (8 bytes), generation (8), sum of these (4), records
//	record:  length (4), sum (4), as many bytes
//
// Numbers are little-endian. Sums are CRC-32C; that of a record goes on from the one before
// it, so nothing that an earlier generation has left, or that somebody has put into a file
// of his, is taken for one. A file whose first record is not whole does not count.
const (
	magic      = "rcptjnl1"
	headerSize = len(magic) + 8 + 4
	frameSize  = 4 + 4
)

// minLog is the size of a file, in bytes, unless more is needed. It then has as many times
// what is put into it at first.
const (
	minLog   = 32 << 10
	headroom = 4
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

var errClosed = errors.New("the journal is closed")

// log is the journal on disk. One goroutine at a time uses it.
type log struct {
	fs     vfs.FS
	dir    string
	files  [2]vfs.File // nil if there is none
	sizes  [2]int
	closed bool
	// behind: a restart has failed, and what it has written may count after a crash all the
	// same. So nothing is added to what is older.
	behind bool

	active     int // which counts
	generation uint64
	end        int    // of the last record
	sum        uint32 // of the last record
}

func newLog(fsys vfs.FS, dir string) *log { return &log{fs: fsys, dir: dir} }

func (l *log) name(i int) string { return path.Join(l.dir, fmt.Sprintf("journal-%d", i)) }

// load opens the files, if there are any, and returns the last images of all directories that
// are to be brought back, sorted by ID.
func (l *log) load() (images []image, damaged, err error) {
	l.closed, l.behind = false, false
	last := make(map[uint64]image)
	var found [2][]byte
	for i := range l.files {
		if found[i], err = l.open(i); err != nil {
			return nil, nil, errors.Join(err, l.close())
		}
		l.replay(i, found[i], last)
	}
	switch {
	case len(found[0])+len(found[1]) == 0:
		return nil, nil, nil
	case l.generation == 0:
		damaged, err = l.setAside()
		return nil, damaged, err
	}
	active := found[l.active]
	if lost := behind(active[l.end:], l.sum); len(lost) > 0 {
		if err = l.keep(active); err == nil {
			damaged = newRot(l.name(l.active), l.end, lost)
		}
	}
	if err == nil {
		err = l.settle(active)
	}
	if err != nil {
		return nil, damaged, errors.Join(err, l.close()) // when it is tried again, the damage may be gone
	}
	maps.DeleteFunc(last, func(_ uint64, im image) bool { return im.name == "" })
	for _, id := range slices.Sorted(maps.Keys(last)) {
		images = append(images, last[id])
	}
	return images, damaged, nil
}

// settle makes safe what was found of the file that counts. Who has written it may have been
// killed before a sync, or have had one that failed, which another would not make up for.
// What is behind the end goes, or it would look like a damage some day.
func (l *log) settle(found []byte) error {
	clear(found[l.end:])
	_, err := l.files[l.active].WriteAt(found, 0)
	if err == nil {
		err = l.files[l.active].Sync()
	}
	if err == nil {
		err = l.fs.SyncDir(l.dir)
	}
	return err
}

// open opens a file and returns its content, which is empty if there is none.
func (l *log) open(i int) ([]byte, error) {
	h, err := l.fs.Open(l.name(i), vfs.Update)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	l.files[i] = h
	size, err := h.Size()
	if err != nil {
		return nil, err
	}
	b := make([]byte, size)
	n, err := h.ReadAt(b, 0)
	if err == io.EOF {
		err = nil
	}
	l.sizes[i] = n
	return b[:n], err
}

// replay takes in a file if it counts, and is of a later generation than what was taken in
// before.
func (l *log) replay(i int, b []byte, last map[uint64]image) {
	generation, sum, ok := parseHeader(b)
	if !ok || generation <= l.generation {
		return
	}
	end, whole := headerSize, 0
	seen := make(map[uint64]image)
	for ; ; whole++ {
		record, next, ok := parseFrame(b[end:], sum)
		if !ok {
			break
		}
		images, err := parseRecord(record)
		if err != nil {
			break
		}
		for _, im := range images {
			seen[im.id] = im
		}
		end, sum = end+frameSize+len(record), next
	}
	if whole == 0 {
		return
	}
	clear(last)
	maps.Copy(last, seen)
	l.active, l.generation, l.end, l.sum = i, generation, end, sum
}

// setAside renames files that cannot be used, for a person to look at.
func (l *log) setAside() (damaged, err error) {
	if err := l.close(); err != nil {
		return nil, err
	}
	l.closed = false
	for i := range l.files {
		err := l.fs.Rename(l.name(i), l.name(i)+".damaged")
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
	}
	return fmt.Errorf("%s and %s in %s are unusable, and kept as these with .damaged added: units of other nodes that were submitted in the last seconds may be lost",
		path.Base(l.name(0)), path.Base(l.name(1)), l.dir), l.fs.SyncDir(l.dir)
}

func parseHeader(b []byte) (generation uint64, sum uint32, ok bool) {
	if len(b) < headerSize || string(b[:len(magic)]) != magic {
		return 0, 0, false
	}
	b, end := b[:headerSize], headerSize-4
	sum = crc32.Checksum(b[:end], castagnoli)
	return binary.LittleEndian.Uint64(b[len(magic):]), sum, binary.LittleEndian.Uint32(b[end:]) == sum
}

func appendHeader(b []byte, generation uint64) ([]byte, uint32) {
	b = binary.LittleEndian.AppendUint64(append(b, magic...), generation)
	sum := crc32.Checksum(b, castagnoli)
	return binary.LittleEndian.AppendUint32(b, sum), sum
}

// parseFrame returns the record that b begins with, and its sum.
func parseFrame(b []byte, before uint32) (record []byte, sum uint32, ok bool) {
	if len(b) < frameSize {
		return nil, 0, false
	}
	size := binary.LittleEndian.Uint32(b)
	if uint64(size) > uint64(len(b)-frameSize) {
		return nil, 0, false
	}
	record = b[frameSize : frameSize+int(size)]
	sum = sumOf(record, before)
	return record, sum, binary.LittleEndian.Uint32(b[4:]) == sum
}

func sumOf(record []byte, before uint32) uint32 {
	size := binary.LittleEndian.AppendUint32(nil, uint32(len(record)))
	return crc32.Update(crc32.Update(before, castagnoli, size), castagnoli, record)
}

func appendFrame(b, record []byte, before uint32) ([]byte, uint32) {
	sum := sumOf(record, before)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(record)))
	b = binary.LittleEndian.AppendUint32(b, sum)
	return append(b, record...), sum
}

// prepare makes the files that are not there.
func (l *log) prepare() error {
	if l.closed {
		return errClosed
	}
	if l.generation == 0 {
		if err := l.begin(); err != nil {
			return err
		}
	}
	// The other one now, too: when it is needed there may be no space for it.
	return l.enlarge(1-l.active, minLog, minLog)
}

// begin makes the first file: in one step, so that if files are there of which none counts,
// they were damaged.
func (l *log) begin() error {
	b, sum := appendHeader(nil, 1)
	b, sum = appendFrame(b, nil, sum)
	temp := l.name(0) + ".tmp"
	h, err := l.fs.Open(temp, vfs.Create)
	if err != nil {
		return err
	}
	_, err = h.Write(append(b, make([]byte, minLog-len(b))...))
	if err == nil {
		err = h.Sync()
	}
	if err = errors.Join(err, h.Close()); err == nil {
		err = l.fs.Rename(temp, l.name(0))
	}
	if err == nil {
		err = l.fs.SyncDir(l.dir)
	}
	if err == nil {
		l.files[0], err = l.fs.Open(l.name(0), vfs.Update)
	}
	if err != nil {
		l.files[0] = nil
		return errors.Join(err, l.fs.RemoveAll(temp))
	}
	l.sizes[0], l.active, l.generation, l.end, l.sum = minLog, 0, 1, len(b), sum
	return nil
}

// fits tells whether a record can be added.
func (l *log) fits(record []byte) bool {
	return !l.behind && l.end+frameSize+len(record) <= l.sizes[l.active]
}

// add adds a record, which is safe when it returns no error. It must fit.
func (l *log) add(record []byte) error {
	if l.closed {
		return errClosed
	}
	b, sum := appendFrame(nil, record, l.sum)
	h := l.files[l.active]
	_, err := h.WriteAt(b, int64(l.end))
	if err == nil {
		err = h.Sync()
	}
	if err != nil {
		return fmt.Errorf("write the journal of units: %w", err)
	}
	l.end, l.sum = l.end+len(b), sum
	return nil
}

// restart has the journal consist of one record, in the other file. It is safe when
// restart returns no error; else a crash leaves what was, or that record.
func (l *log) restart(record []byte) error {
	if l.closed {
		return errClosed
	}
	i := 1 - l.active
	b, sum := appendHeader(nil, l.generation+1)
	b, sum = appendFrame(b, record, sum)
	err := l.enlarge(i, max(minLog, headroom*len(b)), len(b))
	if err == nil {
		err = l.wipe(i)
	}
	if err == nil {
		l.behind = true
		_, err = l.files[i].WriteAt(b, 0)
	}
	if err == nil {
		err = l.files[i].Sync()
	}
	if err != nil {
		return fmt.Errorf("write the journal of units: %w", err)
	}
	l.active, l.generation, l.end, l.sum, l.behind = i, l.generation+1, len(b), sum, false
	// What is out of date must not count once this one is damaged. That is not synced: it
	// matters only then.
	_, _ = l.files[1-i].WriteAt(make([]byte, headerSize), 0)
	return nil
}

// wipe has nothing be in a file: what an earlier generation has left there, behind a record
// that was written in its place, would look like a damage (see behind). That is safe before
// anything is written.
func (l *log) wipe(i int) error {
	_, err := l.files[i].WriteAt(make([]byte, l.sizes[i]), 0)
	if err == nil {
		err = l.files[i].Sync()
	}
	return err
}

// enlarge has a file have as many bytes as it should, or at least as it must, and makes it
// if it is not there.
func (l *log) enlarge(i, should, must int) error {
	if l.files[i] == nil {
		if err := l.make(i); err != nil {
			return err
		}
	}
	if l.sizes[i] >= should {
		return nil
	}
	_, err := l.files[i].WriteAt(make([]byte, should-l.sizes[i]), int64(l.sizes[i]))
	if err != nil && l.sizes[i] >= must {
		return nil
	}
	if err == nil {
		l.sizes[i] = should
	}
	return err
}

// make makes an empty file, whose name is safe.
func (l *log) make(i int) error {
	h, err := l.fs.Open(l.name(i), vfs.Create)
	if err == nil {
		err = h.Close()
	}
	if err == nil {
		err = l.fs.SyncDir(l.dir)
	}
	if err != nil {
		return err
	}
	if l.files[i], err = l.fs.Open(l.name(i), vfs.Update); err != nil {
		l.files[i] = nil
	}
	l.sizes[i] = 0
	return err
}

// close closes the files.
func (l *log) close() (err error) {
	for i, h := range l.files {
		if h != nil {
			err = errors.Join(err, h.Close())
		}
		l.files[i], l.sizes[i] = nil, 0
	}
	l.closed, l.generation = true, 0
	return err
}
