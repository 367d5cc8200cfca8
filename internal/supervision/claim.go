package supervision

// Claim is how the status of a unit names its one and only supervisor, as JSON. Where
// there are locks the supervisor holds one on the status file, which tells whether it
// lives; where a lock outlives its holder, as some network file systems have it, the rest
// does.
type Claim struct {
	Pid int
	// Start is when the process started, in any unit; Boot is the boot ID of the
	// system. Where they are not known they are empty.
	Start uint64
	Boot  string
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
