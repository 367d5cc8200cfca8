package mesh

import (
	"slices"
	"sync"
)

// maxBeginnings bounds the connections of a listener that have not opened their
// stream, and the streams that have not begun: whoever can send a datagram can make
// them. Beyond it the oldest is given up: a dialer that means it is done within a few
// round trips, and nobody can lock it out by connections that say nothing.
const maxBeginnings = 1024

// beginnings are those of a listener, at most maxBeginnings. The zero value is ready
// for use, by any goroutine.
type beginnings struct {
	mu     sync.Mutex
	oldest []*beginning // first
}

type beginning struct{ giveUp func() }

// add adds one. giveUp is called if it is given up for a newer one before end is.
func (b *beginnings) add(giveUp func()) (end func()) {
	one, last := &beginning{giveUp}, (*beginning)(nil)
	b.mu.Lock()
	if len(b.oldest) == maxBeginnings {
		last = b.oldest[0]
		b.oldest = slices.Delete(b.oldest, 0, 1)
	}
	b.oldest = append(b.oldest, one)
	b.mu.Unlock()
	if last != nil {
		last.giveUp()
	}
	return func() { b.remove(one) }
}

func (b *beginnings) remove(one *beginning) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if i := slices.Index(b.oldest, one); i >= 0 {
		b.oldest = slices.Delete(b.oldest, i, i+1)
	}
}
