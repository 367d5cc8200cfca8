package guest

import (
	"time"

	"receptor/sim/scenario"
)

// behaviour is what a command does, as its parameter says.
type behaviour struct {
	Unit     int // of the scenario
	Stdout   int
	Duration time.Duration
	Exit     int
	Children int // that it leaves in the background
	// IgnoreSIGINT has it go on when it is interrupted.
	IgnoreSIGINT bool
	Output       scenario.Output
}

// pace returns how long the command pauses before each part of its output, and how
// many there are.
func (b behaviour) pace() (pause time.Duration, parts int) {
	switch b.Output {
	case scenario.Drip:
		parts = 100
	case scenario.Burst:
		parts = 2 // of which the second is empty
	default:
		parts = 4
	}
	return b.Duration / time.Duration(parts), parts
}

// part returns the nth part of its output.
func (b behaviour) part(output []byte, n, parts int) []byte {
	switch {
	case b.Output != scenario.Burst:
		return output[len(output)*n/parts : len(output)*(n+1)/parts]
	case n == 0:
		return output
	}
	return nil
}
