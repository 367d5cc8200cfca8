package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/pflag"
)

// command is one thing that the tool does.
type command struct {
	name    string // as it is typed, with blanks
	args    string // for the usage line, and to complete them
	about   string
	exits   string // what the exit codes mean, beyond 0 and 1
	minArgs int
	maxArgs int // -1: any number
	// group marks a name that only shows what comes below it.
	group bool
	// setup registers the options and returns what carries out the command
	// once they have been parsed.
	setup func(*pflag.FlagSet) runner
}

type runner func(ctx context.Context, a *app, args []string) error

func commands() []command {
	return []command{
		statusCommand(), pingCommand(), tracerouteCommand(), connectCommand(), reloadCommand(), versionCommand(), {
			name: "work", about: "Submit and manage units of work.", group: true,
			setup: func(*pflag.FlagSet) runner { return nil },
		},
		listCommand(), submitCommand(), resultsCommand(), workStatusCommand(), cancelCommand(), releaseCommand(),
		completionCommand(),
	}
}

// findCommand returns the command that args begin with, and the other args.
// There is at least one. Of the work group alone only its help can be wanted.
func findCommand(args []string) (command, []string, error) {
	name, rest := args[0], args[1:]
	if name == "work" && len(rest) > 0 && !strings.HasPrefix(rest[0], "-") {
		name, rest = name+" "+rest[0], rest[1:]
	}
	for _, c := range commands() {
		if c.name == name {
			return c, rest, nil
		}
	}
	return command{}, nil, fmt.Errorf("no such command: %s", name)
}

func (c *command) checkArgs(args []string) error {
	switch n := len(args); {
	case n < c.minArgs:
		return fmt.Errorf("missing argument: %s takes %s", c.name, c.args)
	case c.maxArgs >= 0 && n > c.maxArgs:
		return fmt.Errorf("unexpected argument %q", args[c.maxArgs])
	}
	return nil
}

const exitTexts = `  0    it worked
  1    it failed, or the command line is wrong, or the node cannot be reached
  130  interrupted
`

// help is the text of --help for one command.
func (c *command) help(fs *pflag.FlagSet) string {
	var b strings.Builder
	if c.group {
		fmt.Fprintf(&b, "Usage: receptorctl [OPTIONS] %s COMMAND [ARGS]...\n\n%s\n\nCommands:\n", c.name, c.about)
		listCommands(&b, c.name+" ")
	} else {
		fmt.Fprintf(&b, "Usage: receptorctl [OPTIONS] %s\n\n%s\n", strings.TrimSpace(c.name+" [OPTIONS] "+c.args), c.about)
	}
	fmt.Fprintf(&b, "\nOptions:\n%s", fs.FlagUsages())
	if !c.group {
		fmt.Fprintf(&b, "\nExit codes:\n%s%s", exitTexts, c.exits)
	}
	return b.String()
}

// overview is the text of --help for the whole tool.
func overview(global *pflag.FlagSet) string {
	var b strings.Builder
	b.WriteString("Usage: receptorctl [OPTIONS] COMMAND [ARGS]...\n\nTalk to a receptor node over its control socket.\n\nCommands:\n")
	listCommands(&b, "")
	fmt.Fprintf(&b, "\nOptions, before the command:\n%s", global.FlagUsages())
	b.WriteString("\nreceptorctl COMMAND --help shows the options and the exit codes of a command.\n")
	return b.String()
}

func listCommands(b *strings.Builder, prefix string) {
	for _, c := range commands() {
		if name, ok := strings.CutPrefix(c.name, prefix); ok {
			about, _, _ := strings.Cut(c.about, "\n")
			fmt.Fprintf(b, "  %-14s %s\n", name, about)
		}
	}
}
