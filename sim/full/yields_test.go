package full

import (
	"slices"
	"strings"
	"testing"
)

// Programs that this host could not stop are refused.
func TestOnlyGuestsThatYield(t *testing.T) {
	header := []byte("\x00asm\x01\x00\x00\x00")
	sections := func(all ...string) []byte { return append(slices.Clone(header), strings.Join(all, "")...) }
	const (
		// Two functions to import, of type 0: m.f and m.sched_yield.
		imports = "\x02\x17\x02\x01m\x01f\x00\x00\x01m\x0bsched_yield\x00\x00"
		globals = "\x06\x01\x00"
	)
	for name, c := range map[string]struct {
		guest []byte
		want  string
	}{
		"cut in the header":   {header[:5], "without a header"},
		"cut in a section":    {sections(imports[:9]), "ends early"},
		"no way to yield":     {sections("\x02\x07\x01\x01m\x01f\x00\x00", globals), "sched_yield"},
		"no counter":          {sections(imports, "\x0a\x01\x00"), "global variables"},
		"an imported memory":  {sections("\x02\x08\x01\x01m\x01f\x02\x00\x00"), "import 0 is no function"},
		"vectors":             {sections(imports, globals, "\x0a\x07\x01\x05\x00\xfd\x00\x00\x0b"), "instruction 0xfd"},
		"a branch to nowhere": {sections(imports, globals, "\x0a\x06\x01\x04\x00\x0c\x01\x0b"), "out of its function"},
	} {
		if out, err := withYields(c.guest); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %q, error %v, want one that says %q", name, out, err, c.want)
		}
	}

	// A loop that ends by a jump back or not, in a block that ends by a jump forward.
	loop := "\x02\x40\x03\x40\x41\x7f\x0d\x00\x0c\x01\x0b\x0b\x0b"
	check := "\x23\x00\x41\x01\x6b\x24\x00\x23\x00\x45\x04\x40\x41\x80\x80\x10\x24\x00\x10\x01\x1a\x0b"
	want := sections(imports, "\x06\x08\x01\x7f\x01\x41\x80\x80\x10\x0b", "\x0a\x26\x01\x24\x00", loop[:6], check, loop[6:])
	out, err := withYields(sections(imports, globals, "\x0a\x10\x01\x0e\x00", loop))
	if err != nil || string(out) != string(want) {
		t.Errorf("%q, error %v, want\n%q", out, err, want)
	}
}
