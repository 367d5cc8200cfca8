package supervision

// ClaimFile is the name, in a unit's directory, of the file that the unit's one and
// only supervisor has made and, where there are locks, keeps locked.
const ClaimFile = "supervisor"

// Claim is what that file holds, as JSON: who the supervisor is. The lock tells
// whether it lives; where a lock outlives its holder, as some network file
// systems have it, the rest does.
type Claim struct {
	Pid int
	// Start is when the process started, in any unit; Boot is the boot ID of the
	// system. Where they are not known they are empty.
	Start uint64
	Boot  string
	// Done is 1 once the unit is complete and no process of it left but the
	// supervisor, which is about to let go of it: a number, so that the file keeps
	// its length, and is never seen half written.
	Done int
}

// System is what a claim is held against.
type System interface {
	// BootID returns what tells this run of the system from any other.
	BootID() (string, error)
	// StartOf returns when the process that has an ID now has started. The error says
	// that there is none, or that it is not known.
	StartOf(pid int) (uint64, error)
}

// Lives reports whether the process that has made the claim is, or may be, there. One
// with its ID is another if it has started at another time, or in another run of the
// system: after a reboot both ID and time can be the same again.
func (c Claim) Lives(s System) bool {
	if boot, err := s.BootID(); err == nil && c.Boot != "" && c.Boot != boot {
		return false
	}
	start, err := s.StartOf(c.Pid)
	return err != nil || c.Start == 0 || start == c.Start
}
