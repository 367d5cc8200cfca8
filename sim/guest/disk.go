package guest

import (
	"hash/fnv"
	"time"

	"receptor/sim/disk"
	"receptor/sim/eventlog"
)

// newDisk returns the disk of the machine, which tells the log of each change.
// Before a change is an instant in the life of the machine.
func (m *machine) newDisk() *disk.Disk {
	before := func(op disk.Op, name string) { m.instants.happens(string(op), name) }
	return disk.New(disk.Options{Before: before, Sleep: time.Sleep, After: func(op disk.Op, name string, written []byte) {
		sum := fnv.New64a()
		sum.Write(written)
		m.world.log.log(eventlog.Event{Kind: eventlog.Disk, Node: m.name, Text: string(op) + " " + name, Size: len(written), Sum: sum.Sum64()})
	}})
}
