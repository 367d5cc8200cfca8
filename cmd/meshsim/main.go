// Command meshsim runs a mesh of receptor nodes in a simulator and checks that
// it behaves, and makes the scenario files that say what to run.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"time"

	"github.com/spf13/pflag"
	"golang.org/x/term"

	"receptor/internal/completion"
	"receptor/internal/version"
	"receptor/sim"
)

// Exit codes.
const (
	exitOK       = 0
	exitViolated = 1 // an invariant or an expectation does not hold
	exitBadInput = 2
)

const usage = `meshsim runs a mesh of receptor nodes in a simulator and checks that it behaves.

  meshsim run FILE [--seed N] [--engine core|full] [--for 60s] [--trace FILE] [--resolved FILE] [--html FILE] [--json]
  meshsim run FILE --seeds A:B [--jobs N] [--for 60s] [--json]
  meshsim check FILE... [--engine core|full] [--seeds A:B] [--shard I/N] [--no-faults] [--jobs N] [--keep-going] [--out DIR] [--json]
  meshsim gen KIND --nodes N [--seed S] [--degree D] [--cost C] [--delay D] [--jitter J] [--loss P] ...
  meshsim import FILE [--format graphml|gml|dot] [--largest] [--default-delay D] ...
  meshsim completion bash|zsh|fish
  meshsim --version

Exit code 0: all invariants and expectations hold; 1: they do not; 2: bad input.
"meshsim COMMAND --help" says more.
`

// errViolated ends a command whose output already says what is wrong.
var errViolated = errors.New("an invariant or an expectation does not hold")

func main() {
	start := time.Now()
	app := app{
		stdout: os.Stdout, stderr: os.Stderr, terminal: isTerminal,
		wall: func() time.Duration { return time.Since(start) },
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	// A second Ctrl-C ends the program at once.
	context.AfterFunc(ctx, stop)
	os.Exit(app.main(ctx, os.Args[1:]))
}

// app is the program, with what it touches of the machine.
type app struct {
	stdout, stderr io.Writer
	terminal       func(io.Writer) bool // does a person look at it?
	wall           func() time.Duration
	// flagged, if set, is told of the flags of a command.
	flagged func(*pflag.FlagSet)
}

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// main runs one command line and returns the exit code.
func (a app) main(ctx context.Context, args []string) int {
	err := a.dispatch(ctx, args)
	switch {
	case err == nil, errors.Is(err, pflag.ErrHelp):
		return exitOK
	case errors.Is(err, errViolated):
		return exitViolated
	case errors.Is(err, context.Canceled):
		return exitBadInput // what was to be done is not, and the output of check says so
	default:
		fmt.Fprintf(a.stderr, "meshsim: %v\n", err)
		return exitBadInput
	}
}

func (a app) dispatch(ctx context.Context, args []string) error {
	if len(args) == 0 {
		return errors.New("no command: run, check, gen, import, completion, --version or --help")
	}
	switch args[0] {
	case "run":
		err := a.run(ctx, args[1:])
		if errors.Is(err, context.Canceled) {
			err = sim.ErrInterrupted
		}
		return err
	case "check":
		return a.check(ctx, args[1:])
	case "gen":
		return a.gen(args[1:])
	case "import":
		return a.importGraph(args[1:])
	case completion.Command:
		return a.completion(args[1:])
	case "--version", "version":
		fmt.Fprintln(a.stdout, version.Version)
		return nil
	case "--help", "-h", "help":
		fmt.Fprint(a.stdout, usage)
		return nil
	}
	return fmt.Errorf("unknown command %q: run, check, gen, import, completion, --version and --help are known", args[0])
}

// flags returns an empty set of flags for a command, which prints help when
// asked for it.
func (a app) flags(synopsis string) *pflag.FlagSet {
	f := pflag.NewFlagSet("meshsim", pflag.ContinueOnError)
	f.SetOutput(a.stdout)
	f.SortFlags = false
	f.Usage = func() { fmt.Fprintf(a.stdout, "Usage: meshsim %s\n\n%s", synopsis, f.FlagUsages()) }
	if a.flagged != nil {
		a.flagged(f)
	}
	return f
}

// oneArgument returns the single argument of a command.
func oneArgument(f *pflag.FlagSet, what string) (string, error) {
	switch f.NArg() {
	case 0:
		return "", fmt.Errorf("%s is missing", what)
	case 1:
		return f.Arg(0), nil
	}
	return "", fmt.Errorf("one %s is expected, not %d: %q", what, f.NArg(), f.Args())
}
