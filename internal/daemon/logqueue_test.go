package daemon

import (
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"receptor/transport"
)

// A reader that hangs does not stop who logs, and then finds out how much it has
// missed, and where.
func TestLogQueueDoesNotWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, w := io.Pipe()
		q := NewLogQueue(w, transport.System)
		text := strings.Repeat("x", 1023) + "\n"
		write := func(n int) {
			for range n {
				if _, err := q.Write([]byte(text)); err != nil {
					t.Error(err)
				}
			}
		}
		write(1)
		synctest.Wait() // it is being written
		write(maxQueuedLog / len(text))
		write(5)
		got := make(chan string)
		go func() {
			b, err := io.ReadAll(r)
			if err != nil {
				t.Error(err)
			}
			got <- string(b)
		}()
		synctest.Wait()
		write(1)
		q.Close(time.Hour)
		write(1) // is lost, and nobody waits
		w.Close()
		lines := strings.Split(strings.TrimSuffix(<-got, "\n"), "\n")
		for i, line := range lines {
			want := text[:len(text)-1]
			if i == 1+maxQueuedLog/len(text) {
				want = logLine(transport.System, "WARNING", "5 lines of the log are missing here: what it goes to did not take them in time")
				want = want[:len(want)-1]
			}
			if line != want {
				t.Fatalf("line %d is %q, want %q", i, line, want)
			}
		}
		if want := 3 + maxQueuedLog/len(text); len(lines) != want {
			t.Errorf("%d lines, want %d", len(lines), want)
		}
	})
}

// What waits at the end is written, if it is taken.
func TestLogQueueCloses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out strings.Builder
		q := NewLogQueue(&out, transport.System)
		fmt.Fprintln(q, "last words")
		q.Close(time.Hour)
		if got := out.String(); got != "last words\n" {
			t.Errorf("%q", got)
		}
		r, w := io.Pipe()
		defer r.Close() // which ends the writing
		q = NewLogQueue(w, transport.System)
		fmt.Fprintln(q, "last words")
		began := time.Now()
		q.Close(time.Second)
		if took := time.Since(began); took != time.Second {
			t.Errorf("waited %v", took)
		}
	})
}
