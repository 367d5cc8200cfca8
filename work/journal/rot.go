package journal

import (
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"receptor/work/vfs"
)

// A record that is not whole is the end of the journal: a crash has left it so, or nothing
// was written there yet. But where whole ones follow, they were safe, and so was the one
// that is damaged: the disk, or somebody, has changed it since.
//
// What follows is not brought back: without what is damaged it may be out of date, and a
// unit that was released would be there again, and run. It is told, and kept for a person.
// (Damage of the very last record cannot be told from a write that was not over.)

// maxSearch bounds what is summed in search of a record, in bytes: what is in files, which
// is anybody's, must not have it take long.
const maxSearch = 64 << 20

// behind returns the records that follow a place where there is no whole one after that of
// the given sum, as far as they can be found; none at the end of the journal.
func behind(b []byte, before uint32) (records [][]byte) {
	at, sum, found := search(b, before)
	for found {
		record, next, ok := parseFrame(b[at:], sum)
		if !ok || len(record) == 0 {
			break
		}
		records = append(records, record)
		at, sum = at+frameSize+len(record), next
	}
	return records
}

// search returns where in b the first whole record after a damage is, and the sum of the one
// before it. The sum of a damaged record may be right, or what is there may be and its sum
// be damaged; if even its length is, the next record has that sum in its own. Where several
// are damaged, two whole ones after each other make certain of the second.
func search(b []byte, before uint32) (at int, sum uint32, found bool) {
	for p, budget := 0, maxSearch; p+frameSize <= len(b) && budget > 0; p++ {
		size := int64(binary.LittleEndian.Uint32(b[p:]))
		if size == 0 || size > int64(len(b)-p-frameSize) {
			continue
		}
		stored, next := binary.LittleEndian.Uint32(b[p+4:]), p+frameSize+int(size)
		candidates := []uint32{stored}
		if p == 0 {
			candidates = append(candidates, sumOf(b[frameSize:next], before))
			budget -= int(size)
		} else if _, _, ok := parseFrame(b[p:], binary.LittleEndian.Uint32(b[4:])); ok {
			return p, binary.LittleEndian.Uint32(b[4:]), true
		} else {
			budget -= int(size)
		}
		for _, sum := range candidates {
			if record, _, ok := parseFrame(b[next:], sum); ok && len(record) > 0 {
				return next, sum, true
			}
			if next+frameSize <= len(b) {
				budget -= min(len(b)-next, int(binary.LittleEndian.Uint32(b[next:])))
			}
		}
	}
	return 0, 0, false
}

// rot is the damage of a file of the journal before its end.
type rot struct {
	file, dir string
	at        int      // of the damaged record
	names     []string // of directories of which what follows has images, sorted
}

// newRot returns the damage of a file of that name at a byte.
func newRot(name string, at int, records [][]byte) *rot {
	names := make(map[string]struct{})
	for _, record := range records {
		images, _ := parseRecord(record) // it is whole: an error were one of who wrote it
		for _, im := range images {
			if im.name != "" {
				names[im.name] = struct{}{}
			}
		}
	}
	return &rot{file: path.Base(name), dir: path.Dir(name), at: at, names: slices.Sorted(maps.Keys(names))}
}

func (r *rot) Error() string {
	which := "it had none but what is damaged"
	if len(r.names) > 0 {
		which = "in it were " + strings.Join(r.names, ", ")
	}
	return fmt.Sprintf("%s in %s was damaged at byte %d after it was safe, and is kept as %s.damaged: what was written from there on is lost, "+
		"so units of other nodes of the last seconds are missing here, or as they were before (%s): look for them on the nodes that run them",
		r.file, r.dir, r.at, r.file, which)
}

// keep keeps the content of the file that counts under another name, for a person to look at.
func (l *log) keep(b []byte) error {
	h, err := l.fs.Open(l.name(l.active)+".damaged", vfs.Create)
	if err != nil {
		return err
	}
	if _, err = h.Write(b); err == nil {
		err = h.Sync()
	}
	return errors.Join(err, h.Close())
}
