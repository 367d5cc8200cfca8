package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"golang.org/x/term"
)

// rawTerminal sets the terminal that stdin is to raw mode, and returns what
// undoes that. If stdin is no terminal there is nothing to do, and restore
// returns false.
func rawTerminal(stdin io.Reader) (restore func() bool, err error) {
	f, ok := stdin.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return func() bool { return false }, nil
	}
	fd := int(f.Fd())
	state, err := term.MakeRaw(fd)
	if err != nil {
		return nil, fmt.Errorf("set the terminal to raw mode: %w", err)
	}
	return func() bool {
		_ = term.Restore(fd, state) // an error means that there is no terminal any more
		return true
	}, nil
}

// untilHangUp returns a context that ends with ctx, and on signals that would
// end the program before it has restored its terminal.
func untilHangUp(ctx context.Context) (context.Context, context.CancelFunc) {
	signals := []os.Signal{syscall.SIGQUIT}
	if !signal.Ignored(syscall.SIGHUP) { // by nohup
		signals = append(signals, syscall.SIGHUP)
	}
	return signal.NotifyContext(ctx, signals...)
}
