package config

import (
	"errors"
	"fmt"
)

// A Position is where an item or a parameter was given.
type Position struct {
	File string // as it was named; empty for the command line
	Line int    // from 1; 0 when the file as a whole is meant
}

// String is "FILE:LINE", "FILE" or "command line".
func (p Position) String() string {
	switch {
	case p.File == "":
		return "command line"
	case p.Line == 0:
		return p.File
	default:
		return fmt.Sprintf("%s:%d", p.File, p.Line)
	}
}

// problems collects all that is wrong with a configuration: whoever wrote it wants to mend it in one go.
type problems struct {
	errs []error
}

func (p *problems) add(where Position, format string, args ...any) {
	p.errs = append(p.errs, fmt.Errorf("%v: %w", where, fmt.Errorf(format, args...)))
}

// err joins the problems, one on a line; it is nil if there are none.
func (p *problems) err() error {
	return errors.Join(p.errs...)
}

// quote shows a piece of the input, shortened to what fits into a message.
func quote(s string) string {
	const most = 64
	if len(s) > most {
		return fmt.Sprintf("%q... (%d bytes)", s[:most], len(s))
	}
	return fmt.Sprintf("%q", s)
}
