package work

import "testing"

func TestStateTransitions(t *testing.T) {
	// Rows are from, columns to: Pending, Running, Succeeded, Failed, Canceled.
	want := [5][5]bool{
		{true, true, true, true, true},
		{false, true, true, true, true},
	}
	for from := Pending; from <= Canceled; from++ {
		for to := Pending; to <= Canceled; to++ {
			if got := from.canBecome(to); got != want[from][to] {
				t.Errorf("%v to %v: %v", from, to, got)
			}
		}
		if got := from.Terminal(); got != (from >= Succeeded) {
			t.Errorf("%v is terminal: %v", from, got)
		}
	}
}
