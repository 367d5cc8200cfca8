package work

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"

	"receptor/sim/disk"
	"receptor/work/vfs"
)

// unitOnDisk returns a disk with a unit that was just made, and its status.
func unitOnDisk(t *testing.T) (*memFS, Status) {
	t.Helper()
	fsys := newMemFS()
	st := store{fs: fsys, dir: "/data"}
	s := Status{Detail: "Starting Worker", WorkType: "cat", ExtraData: mustJSON(CommandExtra{Params: "x"}), Submission: &identity{Key: "k"}}
	if _, err := st.scan(); err != nil {
		t.Fatal(err)
	}
	if err := st.create("unit0001", s); err != nil {
		t.Fatal(err)
	}
	return fsys, s
}

const unitDir = "/data/unit0001"

func wantRead(t *testing.T, fsys vfs.FS, want Status) {
	t.Helper()
	if got, err := ReadStatus(fsys, unitDir); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("read %+v, %v; want %+v", got, err, want)
	}
}

// A status is one write and one sync, and then it is said to be safe. The file is one
// object of JSON, of which the last status counts.
func TestWriteStatusIsDurable(t *testing.T) {
	fsys, s := unitOnDisk(t)
	wantRead(t, fsys, s)
	before := len(fsys.history(unitDir))
	s.State, s.StdoutSize, s.Version = Running, 12, 1
	if err := WriteStatus(fsys, unitDir, s); err != nil {
		t.Fatal(err)
	}
	wantRead(t, fsys, s)
	if got, want := fsys.history(unitDir)[before:], []string{"write ./status", "sync ./status", "write ./status"}; !slices.Equal(got, want) {
		t.Errorf("operations %q, want %q", got, want)
	}
	content := fsys.get(unitDir + "/status")
	if want := `"Format":1,"State":1,"Detail":"Starting Worker","StdoutSize":12,"WorkType":"cat","ExtraData":{"Pid":0,"Params":"x"},"Version":1,`; !strings.Contains(content, want) {
		t.Errorf("file %s, want a line with %s", content, want)
	}
	var deployed struct {
		State      State
		StdoutSize int64
	}
	if err := json.Unmarshal([]byte(content), &deployed); err != nil || deployed.State != Running || deployed.StdoutSize != 12 {
		t.Errorf("a deployed node reads %+v, %v", deployed, err)
	}
}

// Whatever a power cut leaves of a status that is being written, also of one that begins
// the file anew, it is the old one or the new one, and can be followed by another.
func TestPowerCutDuringWrite(t *testing.T) {
	outcomes := make(map[string]int)
	for seed := range uint64(600) {
		fsys, old := unitOnDisk(t)
		if seed%2 == 0 { // with the next one the file is begun anew
			old.Detail, old.Version = strings.Repeat("x", maxLog), 1
			if err := WriteStatus(fsys, unitDir, old); err != nil {
				t.Fatal(err)
			}
		}
		left := int(seed / 6 % 25)
		dying := fsys.For(func() error {
			if left--; left < 0 {
				return errKilled
			}
			return nil
		})
		next := old
		next.Detail, next.Version = "Running: PID 7", 2
		err := WriteStatus(dying, unitDir, next)
		fsys.PowerCut(disk.Loss(seed%3), rand.New(rand.NewPCG(seed, 1)))
		got, readErr := settleStatus(fsys, unitDir)
		if readErr != nil || got.Detail != next.Detail && (err == nil || got.Detail != old.Detail) {
			t.Fatalf("seed %d: the write ended with %v, and after a power cut there is %q, %v", seed, err, got.Detail, readErr)
		}
		outcomes[fmt.Sprint(seed%2, got.Detail == next.Detail)]++
		next.Detail, next.Version = "another", 3
		if err := WriteStatus(fsys, unitDir, next); err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		fsys.PowerCut(disk.LoseAll, nil)
		if got, err := settleStatus(fsys, unitDir); err != nil || got.Detail != "another" {
			t.Fatalf("seed %d: a write afterwards, and another power cut, left %q, %v", seed, got.Detail, err)
		}
	}
	if len(outcomes) < 4 {
		t.Errorf("outcomes %v: want the old and the new, of both ways to write", outcomes)
	}
}

// A log does not grow beyond its bound, but for that of a unit which a supervisor has
// claimed: that file is locked, and stays.
func TestLogIsBounded(t *testing.T) {
	fsys, s := unitOnDisk(t)
	write := func() (size int) {
		t.Helper()
		s.Detail, s.Version = fmt.Sprintf("%01000d", s.Version), s.Version+1
		if err := WriteStatus(fsys, unitDir, s); err != nil {
			t.Fatal(err)
		}
		wantRead(t, fsys, s)
		return len(fsys.get(unitDir + "/status"))
	}
	most, least := 0, 1<<30
	for range 200 {
		size := write()
		most, least = max(most, size), min(least, size)
	}
	if most < maxLog/2 || most > maxLog+4096 || least > 4096 {
		t.Errorf("it had from %d to %d bytes", least, most)
	}
	s.Claim = json.RawMessage(`{"Pid":7}`)
	size := write()
	for range 100 {
		if after := write(); after <= size {
			t.Fatalf("the file was replaced: %d bytes, then %d", size, after)
		} else {
			size = after
		}
	}
}

// A line that was safe, and is not what was written, is a damage: what is before it may
// have been true long ago.
func TestDamagedLog(t *testing.T) {
	fsys, s := unitOnDisk(t)
	s.State = Succeeded
	if err := WriteStatus(fsys, unitDir, s); err != nil {
		t.Fatal(err)
	}
	sound := fsys.get(unitDir + "/status")
	for name, c := range map[string]struct{ content, want string }{
		"a digit": {strings.Replace(sound, `"State":2`, `"State":3`, 1), "a sum is wrong"},
		"zeros":   {sound[:len(sound)-40] + strings.Repeat("\x00", 39) + "\n", "a sum is wrong"},
		"nothing": {`{"Format":1,"State":0`, "no status in it is known to be safe"},
	} {
		fsys.Put(unitDir+"/status", c.content)
		if got, err := ReadStatus(fsys, unitDir); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: read %+v, %v; want an error with %q", name, got, err, c.want)
		}
	}
}

// A program of a later time may have another format: that is said.
func TestLaterFormat(t *testing.T) {
	later := appendSum([]byte(`"Format":2,"State":{"Name":"Pending"}`))
	if _, err := parseLine(later); err == nil || !strings.Contains(err.Error(), `"Format":2, and this program reads "Format":1`) {
		t.Errorf("%v", err)
	}
}

// Of a claim, who comes second is told, and a unit that is complete is not claimed.
func TestClaimStatus(t *testing.T) {
	claim := func(fsys vfs.FS) (Status, error) { return claim(fsys, unitDir, false) }
	fsys, s := unitOnDisk(t)
	if _, err := claim(killedAtSync(fsys, unitDir+"/status")); !errors.Is(err, errKilled) {
		t.Fatal(err)
	}
	if _, err := claim(fsys); !errors.Is(err, ErrClaimed) {
		t.Errorf("after one who was killed, and whose claim may be safe: %v", err)
	}
	fsys.PowerCut(disk.LoseAll, nil) // it was not
	claimed, err := claim(fsys)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := claim(fsys); !errors.Is(err, ErrClaimed) {
		t.Errorf("the second: %v", err)
	}
	fsys.PowerCut(disk.LoseAll, nil)
	if got, _, err := ReadClaim(fsys, unitDir); err != nil || string(got) != `{}` {
		t.Errorf("after a power cut the claim is %s, %v", got, err)
	}
	s.Detail, s.Version = "Running: PID 8", claimed.Version+1 // of who does not know of the claim
	if err := WriteStatus(fsys, unitDir, s); err != nil {
		t.Fatal(err)
	}
	fsys.PowerCut(disk.LoseAll, nil)
	if got, err := settleStatus(fsys, unitDir); err != nil || got.Detail != s.Detail || string(got.Claim) != `{}` {
		t.Errorf("the claim is %s, %v", got.Claim, err)
	}

	fsys, s = unitOnDisk(t)
	s.State, s.Detail = Canceled, "Canceled"
	if err := WriteStatus(fsys, unitDir, s); err != nil {
		t.Fatal(err)
	}
	if _, err := claim(fsys); !errors.Is(err, ErrTerminal) {
		t.Errorf("of a unit that is complete: %v", err)
	}
	fsys.Put(unitDir+"/status", `{"State":0,"Detail":"Unit Created","WorkType":"cat"}`)
	if _, err := claim(fsys); !errors.Is(err, ErrDeployed) {
		t.Errorf("of a unit of a deployed node: %v", err)
	}
}
