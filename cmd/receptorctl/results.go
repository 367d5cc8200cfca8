package main

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/pflag"
)

// States of a unit, PROTOCOL section 4.
const (
	statePending   = 0
	stateSucceeded = 2
	stateFailed    = 3
	stateCanceled  = 4
)

// unitState is what this program looks at in the answer to work status.
type unitState struct {
	State      int
	StateName  string
	Detail     string
	StdoutSize int64
}

func resultsCommand() command {
	return command{
		name: "work results", args: "UNIT_ID", minArgs: 1, maxArgs: 1,
		about: "Print the output of a unit of work, while it runs and until it is complete.",
		exits: "  Code 1 also stands for a unit that failed or was cancelled.\n",
		setup: func(*pflag.FlagSet) runner {
			return func(ctx context.Context, a *app, args []string) error {
				_, err := a.results(ctx, args[0])
				return err
			}
		},
	}
}

// results prints the output of a unit until it is complete. If it is, an error
// says that the unit did not succeed; else, why one cannot tell.
func (a *app) results(ctx context.Context, unit string) (complete bool, err error) {
	c, err := a.open(ctx)
	if err != nil {
		return false, err
	}
	stdout, err := c.Results(unit, 0)
	if err != nil {
		return false, fmt.Errorf("results of unit %s: %w", unit, err)
	}
	watched := a.watchPending(ctx, unit)
	out := &output{Writer: a.stdout}
	size, err := io.Copy(out, stdout)
	watched()
	switch {
	case out.err != nil:
		return false, fmt.Errorf("print the results of unit %s, after %d bytes: %w", unit, size, out.err)
	case err != nil:
		return false, fmt.Errorf("results of unit %s, after %d bytes: %w", unit, size, err)
	}
	c.Close()

	// The stream ends in the same way whatever became of the unit, and also
	// when the node is stopped.
	var st unitState
	if err := a.ask(ctx, workRequest("status", unit), &st); err != nil {
		return false, fmt.Errorf("state of unit %s: %w", unit, err)
	}
	switch {
	case st.State < stateSucceeded:
		return false, fmt.Errorf("the results of unit %s ended after %d bytes, but it is still %s: %s", unit, size, st.StateName, st.Detail)
	case size < st.StdoutSize:
		return false, fmt.Errorf("the results of unit %s ended after %d of %d bytes", unit, size, st.StdoutSize)
	case st.State == stateFailed:
		return true, fmt.Errorf("unit %s failed: %s", unit, st.Detail)
	case st.State == stateCanceled:
		return true, fmt.Errorf("unit %s was cancelled", unit)
	}
	return true, nil
}

// output tells errors of writing from those of reading. It also hides that a
// writer may be a file: a copy within the kernel to a full disk fails, but does
// not say why.
type output struct {
	io.Writer
	err error
}

func (o *output) Write(p []byte) (int, error) {
	n, err := o.Writer.Write(p)
	if err != nil {
		o.err = err
	}
	return n, err
}
