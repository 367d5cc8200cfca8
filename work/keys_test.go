package work

import (
	"errors"
	"testing"
	"time"
)

// A unit may be released, with all others perhaps, before its submission has got as
// far as to make its key known: that is over then, and a day later free again.
func TestUnitIsReleasedBeforeItsKeyIsKnown(t *testing.T) {
	fs := newMemFS()
	if err := fs.MkdirAll("/data/b"); err != nil {
		t.Fatal(err)
	}
	k := newKeys(store{fs: fs, dir: "/data/b"})
	now := time.Date(2026, 11, 24, 0, 0, 0, 0, time.UTC)
	for range 2 {
		if id, err := k.reserve("a/unit0001/x", now); id != "" || err != nil {
			t.Fatalf("reserved for %q, %v", id, err)
		}
		if err := k.bury("a/unit0001/x", "a", now); err != nil {
			t.Fatal(err)
		}
		k.settle("a/unit0001/x", "unit0001", now)
		var over *overError
		if _, err := k.reserve("a/unit0001/x", now); !errors.As(err, &over) {
			t.Errorf("reserved again: %v", err)
		}
		now = now.Add(keyLife)
	}
	// What is left of the tombstone hides no unit that comes later.
	if _, err := k.reserve("a/unit0001/x", now); err != nil {
		t.Fatal(err)
	}
	k.settle("a/unit0001/x", "unit0002", now)
	if id, err := k.reserve("a/unit0001/x", now); id != "unit0002" || err != nil {
		t.Errorf("the unit of the key is %q, %v", id, err)
	}
}
