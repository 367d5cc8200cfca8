package main

import (
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"receptor/internal/completion"
)

func completionCommand() command {
	return command{
		name: completion.Command, args: "SHELL", minArgs: 1, maxArgs: -1,
		about: "Print a script that makes a shell (" + strings.Join(completion.Shells, ", ") + ") complete commands, options, nodes and units.",
		setup: func(fs *pflag.FlagSet) runner {
			fs.SetInterspersed(false) // the words to complete may be options
			return func(ctx context.Context, a *app, args []string) error {
				return completion.Run(a.stdout, "receptorctl", args, func(before []string, word string) completion.Answer {
					return a.complete(ctx, before, word)
				})
			}
		},
	}
}

// complete answers what a word may become that stands after others.
func (a *app) complete(ctx context.Context, before []string, word string) completion.Answer {
	a.target = target{}
	global := newFlagSet()
	a.target.register(global)
	global.SetInterspersed(false)
	rest, err := a.target.parse(global, before, a.getenv)
	line := completion.Line{Flags: global, Value: func(_, kind string) completion.Answer { return a.values(ctx, kind) }, Args: func([]string) completion.Answer { return commandNames("") }}
	if err != nil || len(rest) == 0 {
		return line.Complete(before, word)
	}
	if len(rest) == 1 && rest[0] == "work" && !strings.HasPrefix(word, "-") {
		return commandNames("work ")
	}
	cmd, rest, err := findCommand(rest)
	if err != nil {
		return completion.Answer{}
	}
	line.Flags = newFlagSet()
	cmd.setup(line.Flags)
	line.Args = func(args []string) completion.Answer { return a.argument(ctx, cmd, args) }
	return line.Complete(rest, word)
}

// commandNames are those that begin so, each the next word of it.
func commandNames(prefix string) completion.Answer {
	var a completion.Answer
	for _, c := range commands() {
		if name, ok := strings.CutPrefix(c.name, prefix); ok && !strings.Contains(name, " ") {
			about, _, _ := strings.Cut(c.about, "\n")
			a.Candidates = append(a.Candidates, completion.Candidate{Value: name, About: about})
		}
	}
	return a
}

// argument answers what the argument of a command after these may be.
func (a *app) argument(ctx context.Context, cmd command, before []string) completion.Answer {
	kinds := strings.Fields(cmd.args)
	if len(kinds) == 0 {
		return completion.Answer{}
	}
	kind := kinds[min(len(before), len(kinds)-1)]
	if len(before) >= len(kinds) && !strings.Contains(kind, "...") {
		return completion.Answer{}
	}
	if kind == "SERVICE" {
		return a.services(ctx, before[0])
	}
	return a.values(ctx, strings.TrimSuffix(kind, "..."))
}

// askTime bounds how long a completion may wait for the node.
const askTime = time.Second

// values answers what values of a kind, as options and arguments call it, there
// are; the node is asked for most of them, and nothing is said of errors.
func (a *app) values(ctx context.Context, kind string) completion.Answer {
	switch kind {
	case "SHELL":
		return completion.Of(completion.Shells...)
	case "ADDRESS":
		return completion.Answer{Files: true}
	case "UNIT_ID", "ID":
		var units map[string]struct{ WorkType, StateName string }
		a.query(ctx, workRequest("list", ""), &units)
		var answer completion.Answer
		for _, id := range slices.Sorted(maps.Keys(units)) {
			answer.Candidates = append(answer.Candidates, completion.Candidate{Value: id, About: units[id].WorkType + " " + units[id].StateName})
		}
		return answer
	case "NODE":
		st := a.queryStatus(ctx)
		return completion.Of(append(slices.Sorted(maps.Keys(st.RoutingTable)), st.NodeID)...)
	case "TYPE":
		types := make(map[string]bool)
		for _, ad := range a.queryStatus(ctx).Advertisements {
			for _, c := range ad.WorkCommands {
				types[c.WorkType] = true
			}
		}
		return completion.Of(slices.Sorted(maps.Keys(types))...)
	}
	return completion.Answer{}
}

func (a *app) services(ctx context.Context, node string) completion.Answer {
	var names []string
	for _, ad := range a.queryStatus(ctx).Advertisements {
		if ad.NodeID == node {
			names = append(names, ad.Service)
		}
	}
	return completion.Of(names...)
}

func (a *app) queryStatus(ctx context.Context) (st nodeStatus) {
	a.query(ctx, map[string]any{"command": "status"}, &st)
	return st
}

// query fills in what the node answers, or nothing.
func (a *app) query(ctx context.Context, request map[string]any, to any) {
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	c, err := a.target.dial(ctx, a.getenv)
	if err != nil {
		return
	}
	defer c.Close()
	defer context.AfterFunc(ctx, func() { c.Close() })()
	_ = ask(c, request, to)
}
