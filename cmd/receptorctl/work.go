package main

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"github.com/spf13/pflag"

	"receptor/control"
)

func workRequest(subcommand, unit string) map[string]any {
	request := map[string]any{"command": "work", "subcommand": subcommand}
	if unit != "" {
		request["unitid"] = unit
	}
	return request
}

// listOptions are the options of work list.
type listOptions struct {
	quiet     bool
	node      string
	unit      string
	tlsClient string
}

func listCommand() command {
	return command{
		name: "work list", about: "List the units of work that a node knows.",
		setup: func(fs *pflag.FlagSet) runner {
			var o listOptions
			fs.BoolVarP(&o.quiet, "quiet", "q", false, "Only list the IDs")
			fs.StringVar(&o.node, "node", "", "`NODE` to ask instead of the one that the socket belongs to")
			fs.StringVar(&o.unit, "unit_id", "", "Only show the unit with this `ID`")
			fs.StringVar(&o.tlsClient, "tls-client", "", "`NAME` of the node's TLS client configuration to reach the other node with")
			return func(ctx context.Context, a *app, _ []string) error { return a.list(ctx, o) }
		},
	}
}

func (a *app) list(ctx context.Context, o listOptions) error {
	c, err := a.open(ctx)
	if err != nil {
		return err
	}
	if o.node != "" {
		stream, err := c.Connect(o.node, "control", o.tlsClient)
		if err != nil {
			return err
		}
		if c, _, err = control.NewClient(stream); err != nil {
			return fmt.Errorf("node %s: %w", o.node, err)
		}
	}
	answer, err := c.DoJSON(workRequest("list", o.unit))
	if err != nil {
		return err
	}
	if !o.quiet {
		return a.sayJSON(answer)
	}
	units, err := unitIDs(answer)
	if err != nil {
		return err
	}
	for _, id := range units {
		a.say("%s", id)
	}
	return nil
}

// unitIDs returns the IDs in an answer to work list, in order.
func unitIDs(answer json.RawMessage) ([]string, error) {
	var units map[string]json.RawMessage
	if err := json.Unmarshal(answer, &units); err != nil {
		return nil, fmt.Errorf("the node's answer to work list: %w", err)
	}
	return slices.Sorted(maps.Keys(units)), nil
}

func workStatusCommand() command {
	return command{
		name: "work status", args: "UNIT_ID", minArgs: 1, maxArgs: 1,
		about: "Show the state of a unit of work.",
		setup: func(*pflag.FlagSet) runner {
			return func(ctx context.Context, a *app, args []string) error {
				var answer json.RawMessage
				if err := a.ask(ctx, workRequest("status", args[0]), &answer); err != nil {
					return err
				}
				return a.sayJSON(answer)
			}
		},
	}
}

func cancelCommand() command {
	return command{
		name: "work cancel", args: "UNIT_ID...", maxArgs: -1,
		about: "Cancel (kill) units of work.",
		exits: everyUnitText,
		setup: func(*pflag.FlagSet) runner {
			return func(ctx context.Context, a *app, units []string) error {
				if len(units) == 0 {
					a.complain("Warning: no unit IDs given, so there is nothing to do")
					return nil
				}
				return a.forEach(ctx, "Cancelled:", "cancel", units)
			}
		},
	}
}

const everyUnitText = "  When one of several units fails, the others still have their turn; the code is 1.\n"

func releaseCommand() command {
	return command{
		name: "work release", args: "UNIT_ID...", maxArgs: -1,
		about: "Release (delete) units of work.",
		exits: everyUnitText,
		setup: func(fs *pflag.FlagSet) runner {
			force := fs.Bool("force", false, "Delete here even if the remote node cannot be reached")
			all := fs.Bool("all", false, "Delete all units")
			return func(ctx context.Context, a *app, units []string) error {
				return a.release(ctx, units, *force, *all)
			}
		},
	}
}

func (a *app) release(ctx context.Context, units []string, force, all bool) error {
	if len(units) == 0 && !all {
		a.complain("Warning: no unit IDs given, so there is nothing to do")
		return nil
	}
	if all {
		var answer json.RawMessage
		err := a.ask(ctx, workRequest("list", ""), &answer)
		if err == nil {
			units, err = unitIDs(answer)
		}
		if err != nil {
			return err
		}
	}
	subcommand := "release"
	if force {
		subcommand = "force-release"
	}
	return a.forEach(ctx, "Released:", subcommand, units)
}

// forEach cancels or releases units and shows what became of each, below a
// title if that was as it should be for any.
func (a *app) forEach(ctx context.Context, title, subcommand string, units []string) error {
	c, err := a.open(ctx)
	if err != nil {
		return err
	}
	failed, titled := false, false
	for _, unit := range units {
		outcome, err := dispose(c, subcommand, unit)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			a.complain("ERROR: %s: %v", unit, err)
			failed = true
			continue
		}
		if !titled {
			a.say("%s", title)
			titled = true
		}
		a.say("%s", outcome)
	}
	switch {
	case failed:
		return errReported
	case !titled:
		a.say("%s", title)
	}
	return nil
}

// dispose cancels or releases a unit. The outcome is for people: the unit, and
// "cancelled", "released" or that it is pending.
func dispose(c *control.Client, subcommand, unit string) (outcome string, err error) {
	var answer map[string]string
	if err := ask(c, workRequest(subcommand, unit), &answer); err != nil {
		return "", err
	}
	for _, done := range slices.Sorted(maps.Keys(answer)) {
		return fmt.Sprintf("(%s, %s)", answer[done], done), nil
	}
	return "", fmt.Errorf("the node's answer to work %s is empty", subcommand)
}
