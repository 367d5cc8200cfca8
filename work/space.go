package work

import "fmt"

// checkSpace refuses a new unit when the disk is nearly full. Those that there
// are go on: their ends must be written, and to kill them would free nothing.
func (m *Manager) checkSpace() error {
	if m.minFree <= 0 {
		return nil
	}
	free, err := m.store.fs.Free(m.store.dir)
	if err != nil {
		return fmt.Errorf("find the space that is left for units of work: %w", err)
	}
	if free < m.minFree {
		return fmt.Errorf("no space for another unit: its disk has %s left, and this node keeps %s free (minfreespace)", bytesText(free), bytesText(m.minFree))
	}
	return nil
}

// bytesText shows a number of bytes to a person.
func bytesText(n int64) string {
	for i, unit := range []string{"bytes", "KiB", "MiB", "GiB"} {
		if size := n >> (10 * i); size < 1<<10 {
			return fmt.Sprintf("%d %s", size, unit)
		}
	}
	return fmt.Sprintf("%d TiB", n>>40)
}
