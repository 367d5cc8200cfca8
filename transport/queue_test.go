package transport

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func control(s string) []byte { return append([]byte{1}, s...) }
func data(s string) []byte    { return append([]byte{0}, s...) }

func taken(q *Queue, max int) []string {
	var all []string
	for _, frame := range q.Take(nil, max) {
		all = append(all, string(frame[1:]))
	}
	return all
}

func TestQueueControlLeavesFirst(t *testing.T) {
	q := NewQueue(MaxFrame)
	for i := range 3 {
		q.Push(data(fmt.Sprint("d", i)))
		q.Push(control(fmt.Sprint("c", i)))
	}
	if got, want := taken(q, 4), []string{"c0", "c1", "c2", "d0"}; !slices.Equal(got, want) {
		t.Errorf("took %v, want %v", got, want)
	}
	if got, want := taken(q, 4), []string{"d1", "d2"}; !slices.Equal(got, want) {
		t.Errorf("then %v, want %v", got, want)
	}
}

// However many control frames there are, data that waits has a quarter of the link,
// and none is held up by fewer of them.
func TestQueueControlLeavesRoomForData(t *testing.T) {
	q := NewQueue(MaxFrame)
	frame := func(class byte) []byte { return append([]byte{class}, make([]byte, 999)...) }
	const each = 1000
	for range each {
		q.Push(frame(0))
		q.Push(frame(1))
	}
	first, among := -1, 0 // the first data frame, and how many there are before the last control frame
	for n, data, controls := 0, 0, 0; n < 2*each; n++ {
		if IsData(q.Take(nil, 1)[0]) {
			if data++; first < 0 {
				first = n
			}
		} else if controls++; controls == each {
			among = data
		}
	}
	if want := (controlBurst + 999) / 1000; first != want {
		t.Errorf("the first data frame leaves after %d control frames, want %d", first, want)
	}
	if want := (each - first) / controlShare; among < want-1 || among > want+1 {
		t.Errorf("%d data frames leave among %d control frames, want %d", among, each, want)
	}
}

// The ring keeps its order while it grows with its head anywhere.
func TestQueueOrder(t *testing.T) {
	q := NewQueue(MaxFrame)
	next, pushed := 0, 0
	for round := range 100 {
		for range round + 1 {
			q.Push(data(fmt.Sprint(pushed)))
			pushed++
		}
		for _, got := range taken(q, max(1, round-2)) {
			if got != fmt.Sprint(next) {
				t.Fatalf("took frame %s, want %d", got, next)
			}
			next++
		}
	}
	if next < 4000 {
		t.Errorf("only %d frames were taken", next)
	}
}

// What the ring has grown to is given back, and it goes on from there.
func TestQueueGivesMemoryBack(t *testing.T) {
	q := NewQueue(MaxFrame)
	for range 2 {
		for i := range 2 * maxIdleRing {
			q.Push(control(fmt.Sprint(i)))
		}
		for i := range 2 * maxIdleRing {
			if got := taken(q, 1)[0]; got != fmt.Sprint(i) {
				t.Fatalf("took frame %s, want %d", got, i)
			}
		}
		if places := len(q.control.ring); places > maxIdleRing {
			t.Errorf("an empty queue keeps %d places", places)
		}
	}
}

// Data is dropped at its bound; control frames still pass.
func TestQueueDataBound(t *testing.T) {
	q := NewQueue(MaxFrame)
	frame := make([]byte, 16<<10)
	n := 0
	for ; q.Push(frame) == nil; n++ {
	}
	if want := MaxQueuedData / 2 / len(frame); n != want { // of one flow
		t.Errorf("took in %d data frames, want %d", n, want)
	}
	if err := q.Push(frame); err != ErrDataFull {
		t.Errorf("error %v, want %v", err, ErrDataFull)
	}
	if err := q.Push(control("c")); err != nil {
		t.Errorf("control frame with the data class full: %v", err)
	}
	q.Take(nil, 2)
	if err := q.Push(frame); err != nil {
		t.Errorf("after one left: %v", err)
	}
}

// A peer that takes no control frames loses its link.
func TestQueueControlBound(t *testing.T) {
	q := NewQueue(MaxFrame)
	frame := make([]byte, MaxFrame)
	frame[0] = 1
	var err error
	for n := 0; err == nil; n++ {
		if err = q.Push(frame); n > MaxQueuedControl/MaxFrame {
			t.Fatal("there is no bound")
		}
	}
	if !errors.Is(err, ErrControlFull) {
		t.Errorf("error %v, want %v", err, ErrControlFull)
	}
	if got := q.Take(nil, 10); len(got) != 0 {
		t.Errorf("%d frames are left", len(got))
	}
}

func TestQueueRefusesFrames(t *testing.T) {
	q := NewQueue(10)
	if err := q.Push(nil); err == nil {
		t.Error("an empty frame was taken in")
	}
	if err := q.Push(make([]byte, 11)); err != ErrFrameTooLong {
		t.Errorf("overlong frame: %v, want %v", err, ErrFrameTooLong)
	}
}

// Close keeps control frames, for a reject must arrive, and wakes the writer.
func TestQueueClose(t *testing.T) {
	q := NewQueue(MaxFrame)
	q.Push(data("d"))
	q.Push(control("reject"))
	q.Close()
	if err := q.Push(control("late")); err != ErrLinkClosed {
		t.Errorf("push after close: %v, want %v", err, ErrLinkClosed)
	}
	if got, want := taken(q, 10), []string{"reject"}; !slices.Equal(got, want) {
		t.Errorf("took %v, want %v", got, want)
	}
	if got := q.Take(nil, 10); len(got) != 0 {
		t.Errorf("then %v, want the end", got)
	}
}

// A short data frame after a pause is written by its sender if nothing is before
// it. What cannot be written is what the writer takes next, whatever comes after.
func TestQueueDirect(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := NewQueue(MaxFrame)
		var tried []string
		full := false
		q.clock, q.try = System, func(frame []byte) bool {
			tried = append(tried, string(frame[1:]))
			return !full
		}
		writer := func() chan []string {
			c := make(chan []string, 1)
			go func() { c <- taken(q, 10) }()
			synctest.Wait()
			return c
		}
		took := func(writer chan []string, want ...string) {
			t.Helper()
			if got := <-writer; !slices.Equal(got, want) {
				t.Errorf("the writer took %q, want %q", got, want)
			}
		}
		q.Push(data("no writer"))
		took(writer(), "no writer")

		w := writer()
		q.Push(data("no pause"))
		took(w, "no pause")

		w = writer()
		time.Sleep(minPause)
		q.Push(data("direct"))
		q.Push(data("second of a train"))
		took(w, "second of a train")

		w = writer()
		time.Sleep(minPause)
		q.Push(data(strings.Repeat("long", shortFrame/4)))
		took(w, strings.Repeat("long", shortFrame/4))

		w = writer()
		time.Sleep(minPause)
		q.Push(control("control"))
		took(w, "control")

		q.waiting, full = true, true // as long as a writer that is woken has not run
		time.Sleep(minPause)
		q.Push(data("in part"))
		full = false
		time.Sleep(minPause)
		q.Push(data("behind it"))
		q.Push(control("control"))
		took(writer(), "in part", "control", "behind it")

		if want := []string{"direct", "in part"}; !slices.Equal(tried, want) {
			t.Errorf("tried to write %q, want %q", tried, want)
		}
	})
}

// What a frame costs between who sends it and the writer, by itself and in batches as
// a busy writer takes them; and with many flows, which leave by turns.
func BenchmarkQueue(b *testing.B) {
	for _, flows := range []int{1, 100} {
		for _, batch := range []int{1, 32} {
			b.Run(fmt.Sprintf("%d flows, %d a batch", flows, batch), func(b *testing.B) {
				const length = 1316 // of a frame with a packet of QUIC
				q := NewQueue(MaxFrame)
				frames := make([][]byte, flows)
				for i := range frames {
					frames[i] = between(byte(i), length)
				}
				var buf [][]byte
				b.SetBytes(length)
				b.ReportAllocs()
				for n := 0; b.Loop(); {
					if err := q.Push(frames[n%flows]); err != nil {
						b.Fatal(err)
					}
					if n++; n%batch == 0 {
						buf = q.Take(buf[:0], batch)
					}
				}
			})
		}
	}
}
