package transport

import (
	"testing"
	"testing/synctest"
	"time"
)

// A peer that takes nothing loses its link when control frames have waited for long,
// and not as long as it takes some, however slow that is.
func TestPeersThatTakeNothing(t *testing.T) {
	for _, c := range []struct {
		name    string
		frame   int           // bytes of each frame
		writing time.Duration // of a batch
		want    error
		within  time.Duration
	}{
		{"takes nothing", 100, 24 * time.Hour, ErrStalled, 40 * time.Second},
		{"is slow", 100, 19 * time.Second, nil, 0},
		{"is slow with much", 50 << 10, 60 * time.Second, nil, 0},
		{"takes nothing of much", 50 << 10, 24 * time.Hour, ErrStalled, 110 * time.Second},
	} {
		synctest.Test(t, func(t *testing.T) {
			aborted, written := make(chan struct{}), make(chan struct{})
			s := NewSender(System, MaxFrame, func() { close(aborted) })
			go func() {
				defer close(written)
				s.Flush(func([][]byte) error {
					select {
					case <-time.After(c.writing):
					case <-aborted:
					}
					return nil
				})
			}()
			start := time.Now()
			for time.Since(start) < 5*time.Minute && s.Send(append(control(""), make([]byte, c.frame)...)) {
				time.Sleep(10 * time.Second)
			}
			if took := time.Since(start); c.want != nil && took > c.within {
				t.Errorf("who %s has its link for %v, want %v at most", c.name, took, c.within)
			}
			if c.want == nil {
				s.Close()
			}
			<-written
			if got := s.Ended(); got != c.want {
				t.Errorf("who %s: the link has ended with %v, want %v", c.name, got, c.want)
			}
		})
	}
}

// Frames that come after a long silence have waited for nothing yet, nor have the first.
func TestFramesAfterASilence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := NewSender(System, MaxFrame, func() {})
		for range 2 {
			if !s.Send(control("first")) {
				t.Error("a frame is not taken before the writer has begun")
			}
		}
		written := make(chan struct{})
		go func() {
			defer close(written)
			s.Flush(func([][]byte) error { return nil })
		}()
		time.Sleep(time.Hour)
		for range 2 {
			if !s.Send(control("next")) {
				t.Error("a frame is not taken after an hour in which there was none")
			}
		}
		s.Close()
		<-written
	})
}
