package tcp

import (
	"context"
	"errors"
	"slices"
	"sync"
)

// maxHandshakes bounds the TLS handshakes that go on at once: whoever can
// connect can begin one. Beyond it the oldest is given up: a peer that means it
// is done within a few round trips, and nobody can lock it out by connections
// that say nothing.
const maxHandshakes = 256

// errCrowded is the cause of handshakes that were given up for newer ones.
var errCrowded = errors.New("too many newer handshakes")

// handshakes are those under way, at most maxHandshakes. The zero value is ready
// for use, by any goroutine.
type handshakes struct {
	mu     sync.Mutex
	oldest []*handshake // first
	told   bool         // that one has been given up, since they were few
}

type handshake struct{ giveUp context.CancelCauseFunc }

// begin adds one, and reports whether another was given up for it when they had
// been few.
func (h *handshakes) begin(giveUp context.CancelCauseFunc) (s *handshake, crowded bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.oldest) == maxHandshakes {
		h.oldest[0].giveUp(errCrowded)
		h.oldest = slices.Delete(h.oldest, 0, 1)
		crowded, h.told = !h.told, true
	}
	s = &handshake{giveUp}
	h.oldest = append(h.oldest, s)
	return s, crowded
}

// end removes one, unless it has been given up.
func (h *handshakes) end(s *handshake) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if i := slices.Index(h.oldest, s); i >= 0 {
		h.oldest = slices.Delete(h.oldest, i, i+1)
	}
	if len(h.oldest) < maxHandshakes/2 {
		h.told = false
	}
}
