package host

import (
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

// members returns the processes of a session that have not ended.
func members(session int) ([]process, error) {
	list, err := processes()
	if err != nil {
		return nil, err
	}
	var found []process
	for _, p := range list {
		if p.session == session {
			found = append(found, p)
		}
	}
	return found, nil
}

// endSession hangs up on all processes of a session: they get SIGHUP, and after
// patience those that are left SIGKILL. It returns when all have ended, or with
// an error. The leader must not have been reaped yet: another process could
// have its number, and with it that of the session.
func endSession(session int, patience time.Duration) error {
	// A stopped process takes its SIGHUP when it continues.
	if err := signalSession(session, unix.SIGHUP, unix.SIGCONT); err != nil {
		return err
	}
	if gone, err := awaitSession(session, patience); gone || err != nil {
		return err
	}
	const passes = 100 // they may start others meanwhile
	for range passes {
		if err := signalSession(session, unix.SIGKILL); err != nil {
			return err
		}
		if gone, err := awaitSession(session, 10*time.Millisecond); gone || err != nil {
			return err
		}
	}
	return fmt.Errorf("processes of session %d go on after SIGKILL", session)
}

func signalSession(session int, signals ...unix.Signal) error {
	list, err := members(session)
	if err != nil {
		return err
	}
	for _, p := range list {
		for _, s := range signals {
			_ = p.signal(s) // it may have ended meanwhile; if it may not be signalled, it shows by staying
		}
	}
	return nil
}

// awaitSession reports whether all processes of a session have ended within
// that time.
func awaitSession(session int, patience time.Duration) (gone bool, err error) {
	deadline := time.Now().Add(patience)
	for {
		list, err := members(session)
		if err != nil || len(list) == 0 {
			return err == nil, err
		}
		left := time.Until(deadline)
		if left <= 0 {
			return false, nil
		}
		awaitEnd(list[0].pid, left)
	}
}

// awaitExit returns when a child of this process has ended, and leaves it to be
// reaped. It keeps a thread of the process busy.
func awaitExit(pid int) {
	for {
		err := unix.Waitid(unix.P_PID, pid, nil, unix.WEXITED|unix.WNOWAIT, nil)
		if err != unix.EINTR {
			return // an error means that there is nobody to wait for
		}
	}
}
