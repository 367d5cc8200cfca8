package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/pflag"
)

func reloadCommand() command {
	return command{
		name: "reload", about: "Have the node read its configuration again.",
		exits: "  3    the configuration differs in more than can be changed without a restart\n" +
			"  4    the configuration is wrong, or could not be applied\n" +
			"  5    the node could not reload for another reason\n",
		setup: func(*pflag.FlagSet) runner {
			return func(ctx context.Context, a *app, _ []string) error { return a.reload(ctx) }
		},
	}
}

func (a *app) reload(ctx context.Context) error {
	var answer struct {
		Success bool
		Error   string
	}
	if err := a.ask(ctx, map[string]any{"command": "reload"}, &answer); err != nil {
		return err
	}
	if answer.Success {
		a.say("Reload successful")
		return nil
	}
	code := exitReloadFailed
	for _, known := range []int{exitNotReloadable, exitBadConfig} {
		if strings.Contains(answer.Error, fmt.Sprint("ERRORCODE ", known)) {
			code = known
		}
	}
	return &exitError{code, fmt.Errorf("the node did not reload: %s", answer.Error)}
}
