package host

import (
	"fmt"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// terminalSize is that of a new pseudo-terminal. A stream of the mesh has no
// way to tell a better one.
var terminalSize = unix.Winsize{Row: 24, Col: 80}

// OpenPTY opens a pseudo-terminal of 24 rows and 80 columns: what is typed is
// written to the master, what would be on the screen is read from it. The slave
// is for a process to run on, and blocks as such files do. The caller owns both.
func OpenPTY() (master, slave *os.File, err error) {
	const multiplexer = "/dev/ptmx"
	fd, err := unix.Open(multiplexer, unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, nil, fmt.Errorf("open a pseudo-terminal: %s: %w", multiplexer, err)
	}
	slave, err = openSlave(fd)
	if err != nil {
		unix.Close(fd)
		return nil, nil, fmt.Errorf("open a pseudo-terminal: %w", err)
	}
	return os.NewFile(uintptr(fd), multiplexer), slave, nil
}

func openSlave(master int) (*os.File, error) {
	number, err := unix.IoctlGetUint32(master, unix.TIOCGPTN)
	if err != nil {
		return nil, fmt.Errorf("find its number: %w", err)
	}
	if err := unix.IoctlSetPointerInt(master, unix.TIOCSPTLCK, 0); err != nil {
		return nil, fmt.Errorf("unlock it: %w", err)
	}
	if err := unix.IoctlSetWinsize(master, unix.TIOCSWINSZ, &terminalSize); err != nil {
		return nil, fmt.Errorf("set its size: %w", err)
	}
	name := "/dev/pts/" + strconv.FormatUint(uint64(number), 10)
	fd, err := unix.Open(name, unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return os.NewFile(uintptr(fd), name), nil
}
