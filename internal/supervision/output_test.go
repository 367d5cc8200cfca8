package supervision

import (
	"bytes"
	"errors"
	"testing"

	"receptor/sim/disk"
	"receptor/work"
	"receptor/work/vfs"
)

// Of what is written only so much is stored as may be.
func TestOutputBounds(t *testing.T) {
	const text = "0123456789"
	for name, test := range map[string]struct {
		job    work.Job
		free   int64
		stored string
		why    string
	}{
		"no bounds":    {work.Job{Dir: "/u"}, 0, text + text, ""},
		"exactly":      {work.Job{Dir: "/u", MaxOutput: 20}, 0, text + text, ""},
		"too much":     {work.Job{Dir: "/u", MaxOutput: 13}, 0, text + "012", "Output exceeds 13 bytes, the maxoutput of the work type"},
		"no space":     {work.Job{Dir: "/u", MinFree: 1 << 20}, 1 << 10, "", "No space for more output of unit u: its disk has 1 KiB left, and this node keeps 1 MiB free (minfreespace)"},
		"enough space": {work.Job{Dir: "/u", MinFree: 1 << 20}, 2 << 20, text + text, ""},
	} {
		d := disk.New(disk.Options{})
		d.SetFree(test.free)
		var file bytes.Buffer
		o := NewOutput(d.For(nil), test.job)
		to := o.To(&file)
		for range 2 {
			if n, err := to.Write([]byte(text)); n != len(text) || err != nil {
				t.Errorf("%s: the command is told %d, %v, want that all is well", name, n, err)
			}
		}
		if file.String() != test.stored || o.Failure() != test.why {
			t.Errorf("%s: stored is %q, failure %q, want %q and %q", name, file.String(), o.Failure(), test.stored, test.why)
		}
		select {
		case <-o.Exceeded():
			if test.why == "" {
				t.Errorf("%s: it is exceeded", name)
			}
		default:
			if test.why != "" {
				t.Errorf("%s: it is not exceeded", name)
			}
		}
	}
}

type broken struct{}

func (broken) Write([]byte) (int, error) { return 0, errors.New("no such device") }

// There is no output after a gap, and the first reason counts.
func TestOutputThatCannotBeStored(t *testing.T) {
	o := NewOutput(vfs.FS(nil), work.Job{Dir: "/u"})
	to := o.To(broken{})
	_, _ = to.Write([]byte("x"))
	o.Fail(errors.New("another"))
	if want := "Error storing the output: no such device"; o.Failure() != want {
		t.Errorf("failure %q, want %q", o.Failure(), want)
	}
}
