package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"receptor/control"
)

// submitOptions are the options of work submit.
type submitOptions struct {
	node           string
	payload        string
	payloadLiteral string
	tlsClient      string
	ttl            string
	signWork       bool
	follow         bool
	release        bool
	params         []string

	// given are the payload options on the command line.
	given []string
}

const submitExits = `  1    with --follow and --rm also: the unit failed or was cancelled
  101  the unit could not be submitted, or not be followed to its end
`

func submitCommand() command {
	return command{
		name: "work submit", args: "TYPE [PARAMS...]", minArgs: 1, maxArgs: -1,
		about: "Submit a unit of work.\n\nExactly one of --payload, --payload-literal and --no-payload says what its stdin is. PARAMS are\n" +
			"joined with blanks and passed on as the parameters of its command.",
		exits: submitExits,
		setup: func(fs *pflag.FlagSet) runner {
			var o submitOptions
			fs.StringVar(&o.node, "node", "", "`NODE` to run the work on instead of the one that the socket belongs to")
			fs.StringVarP(&o.payload, "payload", "p", "", "`FILE` that is the stdin of the unit; - is the stdin of this program")
			fs.StringVarP(&o.payloadLiteral, "payload-literal", "l", "", "`TEXT` that, with a newline, is the stdin of the unit")
			noPayload := fs.BoolP("no-payload", "n", false, "The unit has an empty stdin")
			fs.StringVar(&o.tlsClient, "tls-client", "", "`NAME` of the node's TLS client configuration to reach a remote node with")
			fs.StringVar(&o.ttl, "ttl", "", "`TIME` within which remote work must have started, such as 1h20m30s")
			fs.BoolVar(&o.signWork, "signwork", false, "Have the node sign the submission")
			fs.BoolVarP(&o.follow, "follow", "f", false, "Print the output of the unit until it is complete")
			fs.BoolVar(&o.release, "rm", false, "Release the unit once it is complete (implies --follow)")
			fs.StringArrayVarP(&o.params, "param", "a", nil,
				"Parameter `KEY=VALUE` of the work; @FILE as the value is what the file contains, a value with @@ in front stays as it is")
			return func(ctx context.Context, a *app, args []string) error {
				for _, name := range []string{"payload", "payload-literal"} {
					if fs.Changed(name) {
						o.given = append(o.given, "--"+name)
					}
				}
				if *noPayload {
					o.given = append(o.given, "--no-payload")
				}
				return a.submit(ctx, o, args[0], args[1:])
			}
		},
	}
}

func (a *app) submit(ctx context.Context, o submitOptions, workType string, args []string) error {
	payload, err := o.openPayload(a.stdin)
	if err != nil {
		return err
	}
	defer payload.Close()
	fields, err := o.fields(workType, args)
	if err != nil {
		return &exitError{exitNotStarted, err}
	}
	c, unbind, err := a.openUntil(ctx)
	if err != nil {
		return err
	}
	sub, err := c.Submit(fields)
	if err != nil {
		return &exitError{exitNotStarted, fmt.Errorf("failed to start the work unit: %w", err)}
	}
	unbind()
	result, err := a.feed(ctx, c, sub, payload)
	if err != nil {
		return err
	}
	if !o.follow && !o.release {
		a.say("Result: %s", result)
		a.say("Unit ID: %s", sub.UnitID)
		return nil
	}
	return a.follow(ctx, sub.UnitID, o.release)
}

// feed sends the unit its payload and returns what the node says of the unit.
//
// Whenever the connection closes, the node takes what it got for the whole
// payload. So when that cannot be read to its end, or somebody interrupts, the
// unit is cancelled while the connection is still open.
func (a *app) feed(ctx context.Context, c *control.Client, sub *control.Submission, payload io.ReadCloser) (string, error) {
	cancelled := make(chan string, 1)
	stop := context.AfterFunc(ctx, func() {
		cancelled <- a.cancelTruncated(ctx, sub.UnitID)
		c.Close()
		payload.Close()
	})
	result, err := sub.Finish(payload)
	switch {
	case !stop():
		return "", &exitError{exitInterrupted, fmt.Errorf("interrupted; %s", <-cancelled)}
	case errors.Is(err, control.ErrStdin):
		err = fmt.Errorf("%w; %s", err, a.cancelTruncated(ctx, sub.UnitID))
	case err != nil:
		err = fmt.Errorf("unit %s was created, but: %w", sub.UnitID, err)
	}
	c.Close()
	if err != nil {
		return "", &exitError{exitNotStarted, err}
	}
	return result, nil
}

// cancelTime bounds the cancelling of a unit whose submission broke off.
const cancelTime = 5 * time.Second

// cancelTruncated cancels a unit that has not got its whole payload, even when
// ctx has ended, and says how that went. It may be called from any goroutine.
func (a *app) cancelTruncated(ctx context.Context, unit string) string {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cancelTime)
	defer cancel()
	c, err := a.target.dial(ctx, a.getenv)
	if err == nil {
		defer c.Close()
		context.AfterFunc(ctx, func() { c.Close() })
		_, err = dispose(c, "cancel", unit)
	}
	if err != nil {
		return fmt.Sprintf("unit %s could not be cancelled and may run with a part of its payload: %v", unit, err)
	}
	return fmt.Sprintf("unit %s was cancelled", unit)
}

// follow prints the output of the unit, and releases it if it is complete.
func (a *app) follow(ctx context.Context, unit string, release bool) error {
	complete, err := a.results(ctx, unit)
	switch {
	case !complete && ctx.Err() != nil:
		return &exitError{exitInterrupted, fmt.Errorf("interrupted; unit %s goes on, see receptorctl work results %s", unit, unit)}
	case !complete:
		return &exitError{exitNotStarted, fmt.Errorf("%w; the unit was left alone, see receptorctl work results %s", err, unit)}
	case !release:
		return err
	}
	c, releaseErr := a.open(ctx)
	if releaseErr == nil {
		_, releaseErr = dispose(c, "release", unit)
	}
	if releaseErr != nil {
		a.complain("ERROR: release unit %s: %v", unit, releaseErr)
		if err == nil {
			err = &exitError{exitNotStarted, errReported}
		}
	}
	return err
}

// openPayload returns what the unit's stdin is, from the one option for it.
func (o *submitOptions) openPayload(stdin io.Reader) (io.ReadCloser, error) {
	switch {
	case len(o.given) == 0:
		return nil, errors.New("what is the payload? Give one of --payload, --payload-literal and --no-payload")
	case len(o.given) > 1:
		return nil, fmt.Errorf("there can be only one payload: choose one of %s", strings.Join(o.given, ", "))
	case o.given[0] == "--payload-literal":
		return io.NopCloser(strings.NewReader(o.payloadLiteral + "\n")), nil
	case o.given[0] == "--no-payload":
		return io.NopCloser(strings.NewReader("")), nil
	case o.payload == "-":
		return interruptible(stdin), nil
	}
	return openFile(o.payload)
}

// openFile opens a payload that can be read: a directory can be opened, too, and
// would fail once there is a unit.
func openFile(name string) (*os.File, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, fmt.Errorf("--payload: %w", err)
	}
	if info, err := f.Stat(); err == nil && info.IsDir() {
		f.Close()
		return nil, fmt.Errorf("--payload: %s is a directory: want a file, or - for stdin", name)
	}
	return f, nil
}

// interruptible returns a reader of r whose Close ends a Read under way. What
// stays behind is a goroutine in r.Read, until that or the program ends.
func interruptible(r io.Reader) io.ReadCloser {
	out, in := io.Pipe()
	go func() {
		_, err := io.Copy(in, r)
		in.CloseWithError(err)
	}()
	return out
}

// fields returns what goes into the JSON form of work submit.
func (o *submitOptions) fields(workType string, args []string) (map[string]string, error) {
	params := make(map[string]string)
	for _, param := range o.params {
		key, value, ok := strings.Cut(param, "=")
		if !ok {
			return nil, usageError("work submit", fmt.Errorf("--param %q: it should be KEY=VALUE", param))
		}
		params[key] = value
	}
	if len(args) > 0 {
		joined := strings.Join(args, " ")
		if first, ok := params["params"]; ok {
			joined = first + " " + joined
		}
		params["params"] = joined
	}
	fields := map[string]string{"node": "localhost", "worktype": workType}
	for name, value := range map[string]string{"node": o.node, "tlsclient": o.tlsClient, "ttl": o.ttl} {
		if value != "" {
			fields[name] = value
		}
	}
	if o.signWork {
		fields["signwork"] = "true"
	}
	for _, key := range slices.Sorted(maps.Keys(params)) {
		if _, taken := fields[key]; taken || key == "command" || key == "subcommand" || key == "" {
			return nil, fmt.Errorf("--param %s=: a work parameter cannot have this name", key)
		}
		value, err := paramValue(params[key])
		if err != nil {
			return nil, fmt.Errorf("--param %s=@FILE: %w", key, err)
		}
		fields[key] = value
	}
	return fields, nil
}

// paramValue reads @FILE, but takes @@ and all else as it is.
func paramValue(value string) (string, error) {
	name, ok := strings.CutPrefix(value, "@")
	if !ok || strings.HasPrefix(name, "@") {
		return value, nil
	}
	content, err := os.ReadFile(name)
	return string(content), err
}
