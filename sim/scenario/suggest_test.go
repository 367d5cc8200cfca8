package scenario

import "testing"

func TestHint(t *testing.T) {
	t.Parallel()
	known := []string{"delay", "jitter", "loss"}
	if got, want := hint("Jiter", known), ` (did you mean "jitter"?)`; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got, want := hint("colour", known), ` (known: delay, jitter, loss)`; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
