package work

// Event is something that happened to a unit of work. Logs, metrics and the
// simulator's checkers subscribe to the same ones, by Options.Events.
type Event interface{ event() }

// UnitChanged: a unit has another state or detail.
type UnitChanged struct {
	Unit   string
	State  State
	Detail string
}

// UnitReleased: a unit is gone, with all its files.
type UnitReleased struct{ Unit string }

// UnitForgotten: a unit is gone here, but the node that has run it could not be
// told for so long that it is to be released there when that returns.
type UnitForgotten struct{ Unit, Node string }

// UnitUnreadable: a directory that could be that of a unit cannot be used. It is
// marked by a file that says why, and otherwise left as it is.
type UnitUnreadable struct {
	Unit string
	Err  error
	// Again: it is tried again, as the reason may pass.
	Again bool
}

// UnitsUnavailable: the directory with all units cannot be used, so commands about
// units are refused. It is tried again.
type UnitsUnavailable struct{ Err error }

// UnitsAvailable: it can be used now, and the units in it are taken up.
type UnitsAvailable struct{}

// SpaceShort: the disk has too little space left for more units, and for more that
// they read and write. Units wait or fail for it, and submissions are refused.
type SpaceShort struct{ Err error }

// SpaceEnough: there is enough again.
type SpaceEnough struct{}

// JournalDamaged: units of the last seconds before a crash may be lost.
type JournalDamaged struct{ Err error }

// UnitProblem: something about a unit failed that no client was told, or that this
// machine is to blame for.
type UnitProblem struct {
	Unit string
	Err  error
}

// RemoteProblem: an exchange with the node that runs a unit failed. It is tried
// again unless the unit is complete; what fails for the same reason then is not
// told again.
type RemoteProblem struct {
	Unit string
	Node string
	Err  error
}

func (UnitChanged) event()      {}
func (UnitReleased) event()     {}
func (UnitForgotten) event()    {}
func (UnitUnreadable) event()   {}
func (UnitsUnavailable) event() {}
func (UnitsAvailable) event()   {}
func (SpaceShort) event()       {}
func (SpaceEnough) event()      {}
func (JournalDamaged) event()   {}
func (UnitProblem) event()      {}
func (RemoteProblem) event()    {}
