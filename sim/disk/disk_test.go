package disk

import (
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"path"
	"slices"
	"testing"
	"time"

	"receptor/work/vfs"
)

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func open(t *testing.T, v View, name string, mode vfs.Mode) vfs.File {
	t.Helper()
	f, err := v.Open(name, mode)
	must(t, err)
	return f
}

// write writes a file, and syncs it if it is to be safe.
func write(t *testing.T, v View, name, content string, safe bool) {
	t.Helper()
	f := open(t, v, name, vfs.Append)
	_, err := f.Write([]byte(content))
	must(t, err)
	if safe {
		must(t, f.Sync())
	}
}

func wantContent(t *testing.T, v View, name, want string) {
	t.Helper()
	if got, found := v.Content(name); !found || string(got) != want {
		t.Errorf("%s holds %q (found: %v), want %q", name, got, found, want)
	}
}

// What is not synced is lost: content by the file's sync, names by the directory's.
func TestOnlySyncedSurvives(t *testing.T) {
	v := New(Options{}).For(nil)
	v.Put("/d/kept", "old")
	v.Put("/d/removed", "y")
	write(t, v, "/d/kept", " and new", false)
	write(t, v, "/d/nameless", "x", true)
	must(t, v.Rename("/d/nameless", "/d/renamed"))
	must(t, v.RemoveAll("/d/removed"))
	v.PowerCut(LoseAll, nil)
	wantContent(t, v, "/d/kept", "old")
	wantContent(t, v, "/d/removed", "y")
	if got, want := v.Tree("/d"), []string{"/d/kept", "/d/removed"}; !slices.Equal(got, want) {
		t.Errorf("left are %v, want %v", got, want)
	}

	write(t, v, "/d/named", "content", false)
	must(t, v.Rename("/d/kept", "/d/moved"))
	must(t, v.SyncDir("/d"))
	v.PowerCut(LoseAll, nil)
	wantContent(t, v, "/d/moved", "old")
	wantContent(t, v, "/d/named", "") // its content was not synced
	if _, err := v.Open("/d/kept", vfs.Read); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("open of what was renamed: %v", err)
	}
}

// What a power cut leaves of one file in each way, over many draws.
func TestLosses(t *testing.T) {
	after := func(l Loss) map[string]bool {
		seen := make(map[string]bool)
		for n := range uint64(400) {
			v := New(Options{}).For(nil)
			v.Put("/f", "0")
			write(t, v, "/f", "ab", false)
			must(t, v.MkdirAll("/d"))
			write(t, v, "/f", "c", false)
			v.PowerCut(l, rand.New(rand.NewPCG(1, n)))
			content, _ := v.Content("/f")
			seen[fmt.Sprintf("%s %d", content, len(v.Tree("/")))] = true
		}
		return seen
	}
	for l, want := range map[Loss][]string{
		LoseAll: {"0 1"},
		Torn:    {"0 1", "0a 1", "0ab 1", "0ab 2", "0abc 2"},
		Reordered: {
			"0 1", "0 2", "0\x00\x00 1", "0\x00\x00 2", "0a\x00 1", "0a\x00 2", "0ab 1", "0ab 2",
			"0\x00\x00\x00 1", "0\x00\x00\x00 2", "0\x00\x00c 1", "0\x00\x00c 2", "0a\x00\x00 1", "0a\x00\x00 2", "0a\x00c 1", "0a\x00c 2",
			"0ab\x00 1", "0ab\x00 2", "0abc 1", "0abc 2",
		},
	} {
		got := after(l)
		for _, w := range want {
			if !got[w] {
				t.Errorf("loss %d never leaves %q", l, w)
			}
			delete(got, w)
		}
		if len(got) > 0 {
			t.Errorf("loss %d leaves %v", l, got)
		}
	}
}

// Equal draws leave equal disks, whatever the order of maps.
func TestSameDrawsSameDisk(t *testing.T) {
	left := func(n uint64) (all []string) {
		v := New(Options{}).For(nil)
		for i := range 30 {
			name := fmt.Sprintf("/d%d/f", i%7)
			must(t, v.MkdirAll(path.Dir(name)))
			write(t, v, name, fmt.Sprint(i), i%3 == 0)
			must(t, v.Rename(name, name+fmt.Sprint(i)))
		}
		v.PowerCut(Reordered, rand.New(rand.NewPCG(2, n)))
		for _, name := range v.Tree("/") {
			content, _ := v.Content(name)
			all = append(all, name+" "+string(content))
		}
		return all
	}
	for n := range uint64(20) {
		if first, second := left(n), left(n); !slices.Equal(first, second) {
			t.Fatalf("draw %d left %q, and then %q", n, first, second)
		}
	}
}

func TestFaults(t *testing.T) {
	var slept time.Duration
	v := New(Options{Sleep: func(d time.Duration) { slept += d }}).For(nil)
	f := open(t, v, "/f", vfs.Append)
	must(t, v.SyncDir("/"))

	v.SetRoom(3)
	if n, err := f.Write([]byte("abcd")); n != 3 || !errors.Is(err, ErrFull) {
		t.Errorf("write to a full disk: %d, %v", n, err)
	}
	if _, err := v.Open("/g", vfs.Create); !errors.Is(err, ErrFull) {
		t.Errorf("a new file on a full disk: %v", err)
	}
	v.SetRoom(-1)
	must(t, f.Sync())

	write(t, v, "/f", "d", false)
	v.SetFault(func(op Op, _ string) error {
		if op == Sync {
			return ErrIO
		}
		return nil
	})
	if err := f.Sync(); !errors.Is(err, ErrIO) {
		t.Errorf("sync of a broken disk: %v", err)
	}
	v.SetFault(nil)
	must(t, f.Sync())
	wantContent(t, v, "/f", "abcd")
	v.PowerCut(LoseAll, nil)
	wantContent(t, v, "/f", "abc") // a sync that has failed is not made up for by the next

	v.SetLying(true)
	write(t, v, "/f", "!", true)
	v.PowerCut(LoseAll, nil)
	wantContent(t, v, "/f", "abc")

	v.SetLatency(time.Second)
	must(t, v.RemoveAll("/f"))
	if slept != time.Second {
		t.Errorf("a slow disk took %v", slept)
	}
	v.Wipe()
	if left := v.Tree("/"); len(left) > 0 {
		t.Errorf("a wiped disk has %v", left)
	}
}

// A process that dies when it is about to do something has no part in it.
func TestDeadDoNothing(t *testing.T) {
	errDead := errors.New("dead")
	var dies Op
	var died bool
	var seen []Op
	d := New(Options{
		Before: func(op Op, _ string) { died = op == dies },
		After:  func(op Op, _ string, _ []byte) { seen = append(seen, op) },
	})
	v := d.For(func() error {
		if died {
			return errDead
		}
		return nil
	})
	d.Put("/old", "")
	f := open(t, v, "/f", vfs.Append)
	for _, c := range []struct {
		op Op
		do func() error
	}{
		{Create, func() error { _, err := v.Open("/g", vfs.Create); return err }},
		{Mkdir, func() error { return v.MkdirAll("/d") }},
		{Rename, func() error { return v.Rename("/old", "/new") }},
		{Remove, func() error { return v.RemoveAll("/new") }},
		{SyncDir, func() error { return v.SyncDir("/") }},
		{Write, func() error { _, err := f.Write([]byte("x")); return err }},
		{Sync, f.Sync},
		{Truncate, func() error { return f.Truncate(0) }},
	} {
		seen, dies = nil, c.op
		if err := c.do(); !errors.Is(err, errDead) || len(seen) > 0 {
			t.Errorf("%s by a process that dies before it: %v, and the disk sees %v", c.op, err, seen)
		}
		dies, died = "", false
		if err := c.do(); err != nil || !slices.Equal(seen, []Op{c.op}) {
			t.Errorf("%s: %v, and the disk sees %v", c.op, err, seen)
		}
	}
}
