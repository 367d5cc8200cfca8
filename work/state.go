package work

import "fmt"

// State is how far a unit of work has come (PROTOCOL section 4).
//
//	                 +--------------------------+
//	                 |                          v
//	(created) --> Pending --> Running --> Succeeded
//	                 |           |   +--> Failed
//	                 |           |   +--> Canceled
//	                 +-----------+---^
//
// From Pending every other state can follow: a command may end before anybody
// saw it run. Succeeded, Failed and Canceled are terminal: nothing follows, not
// even another detail.
type State int

// The states, with their numbers on the wire.
const (
	Pending State = iota
	Running
	Succeeded
	Failed
	Canceled
)

var stateNames = [...]string{"Pending", "Running", "Succeeded", "Failed", "Canceled"}

// String returns the StateName of PROTOCOL section 4.
func (s State) String() string {
	if !s.valid() {
		return fmt.Sprintf("State(%d)", int(s))
	}
	return stateNames[s]
}

// Terminal reports whether a unit in this state is complete.
func (s State) Terminal() bool { return s >= Succeeded && s.valid() }

func (s State) valid() bool { return s >= Pending && s <= Canceled }

// canBecome tells whether next may follow s; staying, with another detail, is
// a transition too.
func (s State) canBecome(next State) bool { return !s.Terminal() && next >= s && next.valid() }
