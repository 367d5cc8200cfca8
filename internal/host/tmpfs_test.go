//go:build linux

package host

import (
	"os"
	"testing"
)

func TestInMemory(t *testing.T) {
	if _, err := os.Stat("/dev/shm"); err != nil {
		t.Skip("there is no /dev/shm, which is in memory wherever it is")
	}
	for _, dir := range []string{"/dev/shm", "/dev/shm/receptor/not/there"} {
		if !InMemory(dir) {
			t.Errorf("%s: in memory, want it told", dir)
		}
	}
	for _, dir := range []string{"/proc", "/proc/self/not/there"} {
		if InMemory(dir) {
			t.Errorf("%s is told to be a tmpfs", dir)
		}
	}
}
