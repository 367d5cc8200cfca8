package main

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/pflag"

	"receptor/control"
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
	StderrSize int64 // 0 if the node does not know: the unit is on another one
}

func resultsCommand() command {
	return command{
		name: "work results", args: "UNIT_ID", minArgs: 1, maxArgs: 1,
		about: "Print the output of a unit of work, while it runs and until it is complete.",
		exits: "  Code 1 also stands for a unit that failed or was cancelled.\n",
		setup: func(flags *pflag.FlagSet) runner {
			stderr := flags.Bool("stderr", false, "print the stderr of the unit, which its work type keeps apart")
			return func(ctx context.Context, a *app, args []string) error {
				if *stderr {
					return a.stderrOf(ctx, args[0])
				}
				_, err := a.results(ctx, args[0])
				return err
			}
		},
	}
}

// results prints the output of a unit until it is complete. If it is, an error
// says that the unit did not succeed; else, why one cannot tell.
func (a *app) results(ctx context.Context, unit string) (complete bool, err error) {
	size, err := a.printStream(ctx, "results", unit, (*control.Client).Results)
	if err != nil {
		return false, err
	}
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

// stderrOf prints the stderr of a unit until that is complete.
func (a *app) stderrOf(ctx context.Context, unit string) error {
	size, err := a.printStream(ctx, "stderr", unit, (*control.Client).Stderr)
	if err != nil {
		return err
	}
	var st unitState
	if err := a.ask(ctx, workRequest("status", unit), &st); err != nil {
		return fmt.Errorf("state of unit %s: %w", unit, err)
	}
	switch {
	case st.State < stateSucceeded:
		return fmt.Errorf("the stderr of unit %s ended after %d bytes, but it is still %s: %s", unit, size, st.StateName, st.Detail)
	case size < st.StderrSize:
		return fmt.Errorf("the stderr of unit %s ended after %d of %d bytes", unit, size, st.StderrSize)
	}
	return nil
}

// printStream prints what a unit streams to the end of that, and returns its size.
func (a *app) printStream(ctx context.Context, what, unit string, ask func(*control.Client, string, int64) (io.Reader, error)) (size int64, err error) {
	c, err := a.open(ctx)
	if err != nil {
		return 0, err
	}
	defer c.Close()
	from, err := ask(c, unit, 0)
	if err != nil {
		return 0, fmt.Errorf("%s of unit %s: %w", what, unit, err)
	}
	watched := a.watchPending(ctx, unit)
	out := &output{Writer: a.stdout}
	size, err = io.Copy(out, from)
	watched()
	switch {
	case out.err != nil:
		return size, fmt.Errorf("print the %s of unit %s, after %d bytes: %w", what, unit, size, out.err)
	case err != nil:
		return size, fmt.Errorf("%s of unit %s, after %d bytes: %w", what, unit, size, err)
	}
	return size, nil
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
