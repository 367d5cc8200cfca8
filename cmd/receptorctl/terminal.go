package main

import (
	"fmt"
	"io"
	"os"

	"golang.org/x/term"
)

// rawTerminal sets the terminal that stdin is to raw mode, and returns what
// undoes that. If stdin is no terminal there is nothing to do.
func rawTerminal(stdin io.Reader) (restore func(), err error) {
	f, ok := stdin.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return func() {}, nil
	}
	fd := int(f.Fd())
	state, err := term.MakeRaw(fd)
	if err != nil {
		return nil, fmt.Errorf("set the terminal to raw mode: %w", err)
	}
	return func() { _ = term.Restore(fd, state) }, nil
}
