package full

import "testing"

func TestDifference(t *testing.T) {
	for _, c := range []struct{ first, second, want string }{
		{"a\nb\n", "a\nb\n", ""},
		{"a\nb\n", "a\nc\n", "event 2 is b, and the second time c"},
		{"a\n", "a\nc\n", "event 2 is , and the second time c"},
	} {
		if got := Difference([]byte(c.first), []byte(c.second)); got != c.want {
			t.Errorf("Difference(%q, %q) = %q, want %q", c.first, c.second, got, c.want)
		}
	}
}
