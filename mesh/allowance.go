package mesh

import "time"

// allowance bounds how much others can make a node do: some of it at once, and then
// only as much as time gives back. The zero value has all of it.
type allowance struct {
	used float64   // then
	at   time.Time // of the last take
}

// terms of an allowance.
type terms struct {
	burst int           // at once
	every time.Duration // gives one back
}

// take uses some of an allowance, or reports that there is not that much left.
func (a *allowance) take(now time.Time, amount int, t terms) bool {
	given := max(0, now.Sub(a.at)) // nothing, by a clock that was set back
	used := max(0, a.used-float64(given)/float64(t.every))
	if used+float64(amount) > float64(t.burst) {
		return false
	}
	a.used, a.at = used+float64(amount), now
	return true
}
