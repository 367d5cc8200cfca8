package disk

import "maps"

// inode is a file or a directory: what is seen of it, what of that is safe, and
// the changes that make the difference, oldest first.
type inode struct {
	image
	safe   image
	unsafe []change
}

// image is the content of a file, or the entries of a directory.
type image struct {
	entries map[string]*inode // nil for a file
	data    []byte            // never changed below its length
}

func newDir() *inode {
	return &inode{image: image{entries: make(map[string]*inode)}, safe: image{entries: make(map[string]*inode)}}
}

func (n *inode) isDir() bool { return n != nil && n.entries != nil }

// change is one to a file or a directory.
type change struct {
	number uint64 // grows over all of a disk
	// name is the entry of a directory that becomes child, or is removed if that
	// is nil; "" for a file.
	name  string
	child *inode
	// data is written at a byte of a file; without data the file ends there.
	at   int
	data []byte
}

func (c change) apply(to *image) {
	switch {
	case c.name != "" && c.child != nil:
		to.entries[c.name] = c.child
	case c.name != "":
		delete(to.entries, c.name)
	case len(c.data) == 0:
		to.cut(c.at)
	case c.at == len(to.data):
		to.data = append(to.data, c.data...)
	default: // what should be before it was lost, or is older
		end := max(len(to.data), c.at+len(c.data))
		data := make([]byte, end)
		copy(data, to.data)
		copy(data[c.at:], c.data)
		to.data = data
	}
}

// applyPart is apply for a write of which only the first bytes are written, and the file
// is as long as it is with all of them.
func (c change) applyPart(to *image, first int) {
	length := max(len(to.data), c.at+len(c.data))
	if c.data = c.data[:min(first, len(c.data))]; len(c.data) > 0 {
		c.apply(to)
	}
	to.cut(length)
}

// cut ends a file at a size, also beyond its end.
func (i *image) cut(size int) {
	if size > len(i.data) {
		i.data = append(i.data[:len(i.data):len(i.data)], make([]byte, size-len(i.data))...)
	}
	i.data = i.data[:size:size]
}

// copy returns an image whose changes are not seen in this one, nor the other
// way round.
func (i image) copy() image {
	return image{entries: maps.Clone(i.entries), data: i.data[:len(i.data):len(i.data)]}
}
