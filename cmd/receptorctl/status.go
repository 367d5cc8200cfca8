package main

import (
	"context"
	"encoding/json"

	"github.com/spf13/pflag"

	"receptor/internal/version"
)

func statusCommand() command {
	return command{
		name: "status", about: "Show the node and what it knows of the mesh.",
		setup: func(fs *pflag.FlagSet) runner {
			asJSON := fs.Bool("json", false, "Print as JSON")
			return func(ctx context.Context, a *app, _ []string) error {
				var answer json.RawMessage
				if err := a.ask(ctx, map[string]any{"command": "status", "requested_fields": knownFields}, &answer); err != nil {
					return err
				}
				if *asJSON {
					return a.sayJSON(answer)
				}
				return a.showStatus(answer)
			}
		},
	}
}

func versionCommand() command {
	return command{
		name: "version", about: "Show the versions of this program and of the node.",
		setup: func(*pflag.FlagSet) runner {
			return func(ctx context.Context, a *app, _ []string) error {
				if _, err := a.open(ctx); err != nil {
					return err
				}
				a.say("receptorctl  %s", version.Version)
				a.say("receptor     %s", a.nodeVersion)
				return nil
			}
		},
	}
}
