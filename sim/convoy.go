package sim

import (
	"iter"
	"time"
)

// segment is a parcel on a TCP-like link.
type segment struct {
	at   time.Duration // it arrives then
	what parcel
}

// convoy is a queue of segments. Those on a link may be many at one time and none
// a moment later, so it is made of blocks, which links take from one depot.
type convoy struct {
	first, last *block // nil when it is empty
	head        int    // place of the front in the first block
	n           int
}

// blockSize makes a block fill a kilobyte.
const blockSize = 42

type block struct {
	slots [blockSize]segment
	next  *block
}

// depot keeps some blocks that are not in use.
type depot struct {
	free  *block
	count int
}

// maxDepot bounds the blocks of a depot: a link that is idle has none, so most
// links take one for every frame.
const maxDepot = 4096

func (d *depot) take() *block {
	b := d.free
	if b == nil {
		return new(block)
	}
	d.free, b.next = b.next, nil
	d.count--
	return b
}

// put takes back a block, whose slots are zero.
func (d *depot) put(b *block) {
	if d.count < maxDepot {
		b.next, d.free = d.free, b
		d.count++
	}
}

func (c *convoy) front() *segment { return &c.first.slots[c.head] }

func (c *convoy) push(seg segment, d *depot) {
	end := c.head + c.n
	if end%blockSize == 0 {
		b := d.take()
		if c.last == nil {
			c.first = b
		} else {
			c.last.next = b
		}
		c.last = b
	}
	c.last.slots[end%blockSize] = seg
	c.n++
}

func (c *convoy) pop(d *depot) segment {
	b := c.first
	seg := b.slots[c.head]
	b.slots[c.head] = segment{}
	c.head++
	c.n--
	switch {
	case c.n == 0:
		*c = convoy{}
		d.put(b)
	case c.head == blockSize:
		c.first, c.head = b.next, 0
		d.put(b)
	}
	return seg
}

// all iterates over the segments from front to back, which may be changed.
func (c *convoy) all() iter.Seq[*segment] {
	return func(yield func(*segment) bool) {
		at := c.head
		b := c.first
		for range c.n {
			if at == blockSize {
				b, at = b.next, 0
			}
			if !yield(&b.slots[at]) {
				return
			}
			at++
		}
	}
}
