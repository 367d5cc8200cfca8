package journal

import (
	"encoding/binary"
	"errors"
	"maps"
	"path"
	"slices"
)

// A record is what one write adds to the journal: any number of images, each of which
// replaces the one before of the same directory. Numbers are uvarints, as of
// encoding/binary; a string is its length and its bytes.
//
//	image:  id, name in the directory above, number of files, and of each its name, its content
//	gone:   id, an empty name
type image struct {
	id    uint64
	name  string // empty: the directory is not to be brought back
	files map[string][]byte
}

// What fileSize and imageSize count for lengths.
const sizeOfLengths = 8

// fileSize is what a file adds to an image, in bytes, or a little more.
func fileSize(name string, size int) int { return len(name) + size + sizeOfLengths }

// imageSize is the same of an image without files.
func imageSize(name string) int { return len(path.Base(name)) + 2*sizeOfLengths }

func appendString(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

// appendImage adds the image of a directory to a record. It requires the mu of the FS.
func appendImage(b []byte, d *directory) []byte {
	b = appendString(binary.AppendUvarint(b, d.id), path.Base(d.name))
	b = binary.AppendUvarint(b, uint64(len(d.files)))
	for _, name := range slices.Sorted(maps.Keys(d.files)) {
		b = appendString(b, name)
		b = appendString(b, string(d.files[name].data))
	}
	return b
}

func appendGone(b []byte, id uint64) []byte { return appendString(binary.AppendUvarint(b, id), "") }

var errRecord = errors.New("it is not a record")

// parseRecord returns the images of a record.
func parseRecord(b []byte) (images []image, err error) {
	p := parser{rest: b}
	for len(p.rest) > 0 {
		im := image{id: p.number(), name: p.string()}
		if im.name != "" {
			im.files = make(map[string][]byte)
			for n := p.number(); n > 0 && !p.failed; n-- {
				name := p.string()
				im.files[name] = []byte(p.string())
			}
			if path.Base(im.name) != im.name {
				p.failed = true
			}
		}
		if p.failed {
			return nil, errRecord
		}
		images = append(images, im)
	}
	return images, nil
}

// parser reads what is left of a record, until it has failed.
type parser struct {
	rest   []byte
	failed bool
}

func (p *parser) number() uint64 {
	n, size := binary.Uvarint(p.rest)
	if size <= 0 {
		p.fail()
		return 0
	}
	p.rest = p.rest[size:]
	return n
}

func (p *parser) string() string {
	n := p.number()
	if n > uint64(len(p.rest)) {
		p.fail()
		return ""
	}
	s := string(p.rest[:n])
	p.rest = p.rest[n:]
	return s
}

func (p *parser) fail() { p.failed, p.rest = true, nil }

// directory returns the young directory of an image. Something of its name may be below,
// if it was about to be written out.
func (im image) directory(above string) *directory {
	d := newDirectory(im.id, path.Join(above, im.name))
	for name, data := range im.files {
		d.files[name] = &content{name: name, data: data}
		d.size += fileSize(name, len(data))
	}
	d.safe, d.logged, d.shadowed = d.version, true, true
	return d
}
