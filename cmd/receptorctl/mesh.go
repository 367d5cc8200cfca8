package main

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/spf13/pflag"
)

// pingAnswer is the answer to ping and one line of the answer to traceroute.
type pingAnswer struct {
	Success bool
	From    string
	TimeStr string
	Error   string
}

func pingCommand() command {
	return command{
		name: "ping", args: "NODE", minArgs: 1, maxArgs: 1,
		about: "Ping a node.",
		exits: "  2    at least one ping failed\n",
		setup: func(fs *pflag.FlagSet) runner {
			count := fs.Int("count", 4, "How many pings to send; with 0, only connect to the node of the socket")
			delay := fs.Float64("delay", 1, "How long to wait between two pings, in `SECONDS`")
			return func(ctx context.Context, a *app, args []string) error {
				if *count < 0 {
					return fmt.Errorf("--count %d: it must be 0 or more", *count)
				}
				if !(*delay >= 0 && *delay <= maxDelay.Seconds()) {
					return fmt.Errorf("--delay %v: it must be from 0 to %v", *delay, maxDelay.Seconds())
				}
				return a.ping(ctx, args[0], *count, time.Duration(*delay*float64(time.Second)))
			}
		},
	}
}

// maxDelay keeps a delay within a time.Duration.
const maxDelay = 24 * time.Hour

func (a *app) ping(ctx context.Context, node string, count int, delay time.Duration) error {
	c, err := a.open(ctx)
	if err != nil {
		return err
	}
	failed := 0
	for i := range count {
		if i > 0 {
			if err := wait(ctx, delay); err != nil {
				return err
			}
		}
		var answer pingAnswer
		if err := ask(c, map[string]any{"command": "ping", "target": node}, &answer); err != nil {
			return err
		}
		switch {
		case answer.Success:
			a.say("Reply from %s in %s", answer.From, answer.TimeStr)
			continue
		case answer.From != "" && answer.TimeStr != "":
			a.complain("ERROR: %s from %s in %s", answer.Error, answer.From, answer.TimeStr)
		default:
			a.complain("ERROR: %s", answer.Error)
		}
		failed++
	}
	if failed > 0 {
		return &exitError{exitUnreached, errReported}
	}
	return nil
}

// wait returns early, with an error, when ctx ends.
func wait(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func tracerouteCommand() command {
	return command{
		name: "traceroute", args: "NODE", minArgs: 1, maxArgs: 1,
		about: "Show the nodes on the way to a node.",
		exits: "  Code 0 says that the way is shown as far as it is known: errors of hops are told on stderr.\n",
		setup: func(*pflag.FlagSet) runner {
			return func(ctx context.Context, a *app, args []string) error { return a.traceroute(ctx, args[0]) }
		},
	}
}

func (a *app) traceroute(ctx context.Context, node string) error {
	var answer map[string]pingAnswer
	if err := a.ask(ctx, map[string]any{"command": "traceroute", "target": node}, &answer); err != nil {
		return err
	}
	hops := make(map[int]pingAnswer, len(answer))
	for key, hop := range answer {
		n, err := strconv.Atoi(key)
		if err != nil {
			return fmt.Errorf("the node's answer to traceroute: %q should be the number of a hop", key)
		}
		hops[n] = hop
	}
	for _, n := range slices.Sorted(maps.Keys(hops)) {
		hop := hops[n]
		if hop.Error == "" {
			a.say("%d: %s in %s", n, hop.From, hop.TimeStr)
			continue
		}
		a.complain("ERROR: %d: Error %s from %s in %s", n, hop.Error, hop.From, hop.TimeStr)
	}
	return nil
}
