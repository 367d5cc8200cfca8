package config

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
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
	errs []problem
}

// problem is a mistake and its place.
type problem struct {
	where Position
	error
}

// Unwrap makes the reason known.
func (e problem) Unwrap() error { return e.error }

func (p *problems) add(where Position, format string, args ...any) {
	p.errs = append(p.errs, problem{where, fmt.Errorf("%v: %w", where, fmt.Errorf(format, args...))})
}

// err joins the problems, one on a line, each file's in the order of its lines;
// it is nil if there are none.
func (p *problems) err() error {
	files := make(map[string]int) // in the order of their first problems
	for _, e := range p.errs {
		if _, known := files[e.where.File]; !known {
			files[e.where.File] = len(files)
		}
	}
	sorted := slices.Clone(p.errs)
	slices.SortStableFunc(sorted, func(a, b problem) int {
		return cmp.Or(cmp.Compare(files[a.where.File], files[b.where.File]), cmp.Compare(a.where.Line, b.where.Line))
	})
	errs := make([]error, len(sorted))
	for i, e := range sorted {
		errs[i] = e
	}
	return errors.Join(errs...)
}

// quote shows a piece of the input, shortened to what fits into a message.
func quote(s string) string {
	const most = 64
	if len(s) > most {
		return fmt.Sprintf("%q... (%d bytes)", s[:most], len(s))
	}
	return fmt.Sprintf("%q", s)
}
