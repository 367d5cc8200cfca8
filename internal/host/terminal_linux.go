package host

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// terminalName is what programs on a terminal take it for; whoever connects
// most likely sits at something that understands it.
const terminalName = "TERM=xterm"

// patience is how long a command on a terminal may take to end by itself.
type patience struct {
	again  time.Duration // between the first ends of input that are typed
	input  time.Duration // after the first of them, before SIGHUP
	hangUp time.Duration // after SIGHUP, before SIGKILL
}

var commandPatience = patience{again: time.Second, input: time.Minute, hangUp: 5 * time.Second}

// maxPending is more than a terminal keeps of what has been written to it, in
// bytes.
const maxPending = 1 << 20

// RunOnTerminal starts a command on a terminal of its own, as the leader of a
// session. What is written is typed there, what is read is what it shows; reads
// end with io.EOF after the last output of the command.
//
// The session ends with the command: what else is left of it gets SIGHUP, and
// SIGKILL 5 s later. The same happens to all of it when the result is closed, or
// broken off (Abort, CancelRead). CloseWrite types the end of a file, again and
// again; a command that has not ended after a minute of that is hung up on, too.
// Close returns when all have ended.
// Whoever is to outlive the terminal needs a session of its own.
func RunOnTerminal(command string, args ...string) (io.ReadWriteCloser, error) {
	return startTerminal(commandPatience, command, args...)
}

// terminal is the master of a pseudo-terminal on which a command runs. One
// goroutine may read while another writes.
type terminal struct {
	master   *os.File
	raw      syscall.RawConn
	cmd      *exec.Cmd
	patience patience

	ended   atomic.Bool // the command; what it wrote may not have been read
	pending int         // what may still be read since then; the reader's
	unended bool        // what was last written does not end a line; the writer's

	read     context.Context // done once all has been read
	readDone context.CancelFunc
	hangUp   func() // closes hungUp and master, once
	hungUp   chan struct{}
	gone     chan struct{} // closed when the session has ended, or could not be
	err      error         // why it could not; of gone
}

func startTerminal(p patience, command string, args ...string) (*terminal, error) {
	master, slave, err := OpenPTY()
	if err != nil {
		return nil, err
	}
	defer slave.Close()
	raw, err := master.SyscallConn()
	if err != nil {
		master.Close()
		return nil, fmt.Errorf("open a pseudo-terminal: %w", err)
	}
	cmd := exec.Command(command, args...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = slave, slave, slave
	cmd.Env = append(os.Environ(), terminalName)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := cmd.Start(); err != nil {
		master.Close()
		return nil, fmt.Errorf("start the command: %w", err)
	}
	t := &terminal{
		master: master, raw: raw, cmd: cmd, patience: p, pending: maxPending,
		hungUp: make(chan struct{}), gone: make(chan struct{}),
	}
	t.read, t.readDone = context.WithCancel(context.Background())
	t.hangUp = sync.OnceFunc(func() {
		close(t.hungUp)
		master.Close()
	})
	go t.supervise()
	return t, nil
}

// supervise ends the session, when that is due, and reaps the command.
func (t *terminal) supervise() {
	exited := make(chan struct{})
	go func() {
		defer close(exited)
		awaitExit(t.cmd.Process.Pid)
	}()
	select {
	case <-exited:
		t.ended.Store(true)
		// Wakes those who wait; if the master is closed already, nobody does.
		_ = t.master.SetDeadline(time.Unix(1, 0))
	case <-t.hungUp:
	}
	t.err = endSession(t.cmd.Process.Pid, t.patience.hangUp)
	if t.err != nil {
		close(t.gone)
		<-exited
		_ = t.cmd.Wait()
		return
	}
	<-exited
	_ = t.cmd.Wait() // how it ended is nobody's concern
	close(t.gone)
}

// Read implements io.Reader.
func (t *terminal) Read(p []byte) (int, error) {
	for {
		var n int
		var err error
		rawErr := t.raw.Read(func(fd uintptr) bool {
			n, err = unix.Read(int(fd), p)
			return err != unix.EAGAIN || t.ended.Load()
		})
		switch {
		case errors.Is(rawErr, os.ErrDeadlineExceeded):
			if err := t.master.SetReadDeadline(time.Time{}); err != nil {
				return 0, err
			}
		case rawErr != nil:
			return 0, rawErr
		case err == unix.EINTR:
		case n > 0 && t.mayRead(n):
			return n, nil
		case err == nil || err == unix.EAGAIN || err == unix.EIO: // EIO: nobody has the slave open
			t.readDone()
			return 0, io.EOF
		default:
			return 0, fmt.Errorf("read from the terminal: %w", err)
		}
	}
}

// mayRead is false for what the command cannot have written: others of its
// session, or who has left that, can go on for ever.
func (t *terminal) mayRead(n int) bool {
	if t.ended.Load() {
		t.pending -= n
	}
	return t.pending > 0
}

// Write implements io.Writer.
func (t *terminal) Write(p []byte) (int, error) {
	if len(p) > 0 {
		last := p[len(p)-1]
		t.unended = last != '\n' && last != '\r'
	}
	return t.master.Write(p)
}

// CloseWrite begins to type the end of a file, so that a command that reads one
// ends and all its output is delivered. A dialer that has died looks just the
// same: the command has not for ever to heed it.
func (t *terminal) CloseWrite() error {
	time.AfterFunc(t.patience.input, t.hangUp)
	go t.typeEnds(t.unended)
	return nil
}

// typeEnds types the end of a file until the command has ended, after ever longer
// pauses. Once is not enough: each of several shells takes one, and what is typed
// before a program begins to edit lines by itself is lost on it. Too often keeps
// a program that does not know the key from showing anything but that, and so
// from noticing that nobody looks.
func (t *terminal) typeEnds(unended bool) {
	if unended && t.typeEnd() != nil { // this one ends the line only
		return
	}
	for pause := t.patience.again; t.typeEnd() == nil; pause *= 2 {
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-t.hungUp:
			timer.Stop()
			return
		}
	}
}

func (t *terminal) typeEnd() error {
	var settings *unix.Termios
	var err error
	rawErr := t.raw.Control(func(fd uintptr) { settings, err = unix.IoctlGetTermios(int(fd), unix.TCGETS) })
	if err := errors.Join(rawErr, err); err != nil {
		return err
	}
	_, err = t.master.Write([]byte{settings.Cc[unix.VEOF]})
	return err
}

// CancelRead hangs up: a terminal that nobody looks at is of no use.
func (t *terminal) CancelRead() { t.hangUp() }

// Abort hangs up.
func (t *terminal) Abort(string) { t.hangUp() }

// Context is done when there is no more to read, after a Read has said so.
func (t *terminal) Context() context.Context { return t.read }

// Close implements io.Closer.
func (t *terminal) Close() error {
	t.hangUp()
	<-t.gone
	return t.err
}
