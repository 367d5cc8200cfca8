package supervision

import (
	"errors"
	"testing"

	"receptor/sim/disk"
	"receptor/work"
	"receptor/work/vfs"
)

// finished is a unit whose stderr is in a file that is safe.
type finished struct {
	Processes
	stderr int64
}

func (f finished) Finish() (stdout, stderr int64, failure string) { return 0, f.stderr, "" }

// A unit that keeps stderr apart is complete only when the name of that file is safe, too.
func TestNameOfStderrIsSafe(t *testing.T) {
	const text = "oops"
	for _, fails := range []error{nil, errors.New("the disk is broken")} {
		d := disk.New(disk.Options{})
		d.Put("/u/status", "")
		f, err := d.For(nil).Open("/u/stderr", vfs.Append)
		if err == nil {
			_, err = f.Write([]byte(text))
		}
		if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
			t.Fatal(err)
		}
		d.SetFault(func(op disk.Op, _ string) error {
			if op == disk.SyncDir {
				return fails
			}
			return nil
		})
		r := &run{Supervisor: Supervisor{Job: work.Job{Dir: "/u", SeparateStderr: true}, FS: d.For(nil)}, processes: finished{stderr: int64(len(text))}}
		r.result(work.Succeeded, "exit status 0")
		d.PowerCut(disk.LoseAll, nil)
		if got, _ := d.Content("/u/stderr"); r.status.State == work.Succeeded && string(got) != text {
			t.Errorf("it has succeeded, and its stderr is %q", got)
		}
		if failed := r.status.State == work.Failed; failed != (fails != nil) {
			t.Errorf("its state is %v (%s), and the sync of the directory ended with %v", r.status.State, r.status.Detail, fails)
		}
	}
}
