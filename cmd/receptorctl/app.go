package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode"
	"unicode/utf16"

	"github.com/spf13/pflag"

	"receptor/control"
	"receptor/internal/version"
)

// Exit codes. Each command's help names those that it can end with.
const (
	exitOK            = 0
	exitFailed        = 1
	exitUnreached     = 2   // ping
	exitNotReloadable = 3   // reload, as its answer says
	exitBadConfig     = 4   // likewise
	exitReloadFailed  = 5   // reload
	exitNotStarted    = 101 // work submit
	exitInterrupted   = 130
)

// exitError is an error with an exit code other than exitFailed.
type exitError struct {
	code int
	err  error
}

func (e *exitError) Error() string { return e.err.Error() }
func (e *exitError) Unwrap() error { return e.err }

// errReported ends a command with exitFailed whose errors have been shown.
var errReported = errors.New("failed")

// app is one run of the tool.
type app struct {
	stdin  io.Reader
	stdout io.Writer
	stderr io.Writer
	getenv func(string) string
	// patience is how long a unit may be pending without a word about it.
	patience time.Duration

	target  target
	clients []*control.Client
	// sayErr is the first error of writing a line of output.
	sayErr error
	// nodeVersion is what the node says, once versionKnown.
	nodeVersion  string
	versionKnown bool
}

// run carries out one command line (without the program's name) and returns
// the exit code. It may leave a goroutine behind that reads stdin.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer, getenv func(string) string) int {
	a := &app{stdin: stdin, stdout: stdout, stderr: stderr, getenv: getenv, patience: 2 * time.Second}
	return a.run(ctx, args)
}

func (a *app) run(ctx context.Context, args []string) int {
	err := a.main(ctx, args)
	for _, c := range a.clients {
		c.Close()
	}
	if err == nil {
		err = a.sayErr
	}
	if err == nil {
		return exitOK
	}
	e := &exitError{exitFailed, err}
	errors.As(err, &e)
	if ctx.Err() != nil && e.code != exitInterrupted {
		e = &exitError{exitInterrupted, errors.New("interrupted")}
	}
	if !errors.Is(e, errReported) {
		a.complain("ERROR: %v", e)
	}
	return e.code
}

func (a *app) main(ctx context.Context, args []string) error {
	global := newFlagSet()
	a.target.register(global)
	showVersion := global.Bool("version", false, "Show the version of this program and exit")
	global.SetInterspersed(false)
	args, err := a.target.parse(global, args, a.getenv)
	switch {
	case err != nil:
		return usageError("", err)
	case *showVersion:
		a.say("receptorctl %s", version.Version)
		return nil
	case helpWanted(global) || len(args) == 0:
		return a.print(overview(global))
	}
	cmd, args, err := findCommand(args)
	if err != nil {
		return usageError("", err)
	}
	fs := newFlagSet()
	runCommand := cmd.setup(fs)
	if err := fs.Parse(args); err != nil {
		return usageError(cmd.name, err)
	}
	if helpWanted(fs) || cmd.group {
		return a.print(cmd.help(fs))
	}
	if err := cmd.checkArgs(fs.Args()); err != nil {
		return usageError(cmd.name, err)
	}
	return runCommand(ctx, a, fs.Args())
}

func usageError(command string, err error) error {
	return fmt.Errorf("%w (see %s --help)", err, strings.TrimSpace("receptorctl "+command))
}

func newFlagSet() *pflag.FlagSet {
	fs := pflag.NewFlagSet("", pflag.ContinueOnError)
	fs.SortFlags = false
	fs.SetOutput(io.Discard)
	fs.BoolP("help", "h", false, "Show this help and exit")
	return fs
}

func helpWanted(fs *pflag.FlagSet) bool {
	help, err := fs.GetBool("help")
	return err == nil && help
}

// open connects to the node; the connection closes when ctx ends. The first
// time it also compares the versions.
func (a *app) open(ctx context.Context) (*control.Client, error) {
	c, _, err := a.openUntil(ctx)
	return c, err
}

// openUntil is open with a way to keep the connection after the end of ctx:
// unbind, which reports false if ctx has ended already.
func (a *app) openUntil(ctx context.Context) (c *control.Client, unbind func() bool, err error) {
	if c, err = a.target.dial(ctx, a.getenv); err != nil {
		return nil, nil, err
	}
	a.clients = append(a.clients, c)
	unbind = context.AfterFunc(ctx, func() { c.Close() })
	if !a.versionKnown {
		if err := a.compareVersions(c); err != nil {
			return nil, nil, err
		}
	}
	return c, unbind, nil
}

func (a *app) compareVersions(c *control.Client) error {
	var status struct{ Version *string }
	request := map[string]any{"command": "status", "requested_fields": []string{"Version"}}
	if err := ask(c, request, &status); err != nil {
		return fmt.Errorf("ask the node for its version: %w", err)
	}
	a.versionKnown, a.nodeVersion = true, "Unknown"
	if status.Version != nil {
		a.nodeVersion = *status.Version
	}
	if a.nodeVersion != version.Version {
		a.complain("Warning: receptorctl has version %q but the node has %q: they may not understand each other in all things",
			version.Version, a.nodeVersion)
	}
	return nil
}

// ask connects, sends one command and decodes its answer into to.
func (a *app) ask(ctx context.Context, request map[string]any, to any) error {
	c, err := a.open(ctx)
	if err != nil {
		return err
	}
	return ask(c, request, to)
}

func ask(c *control.Client, request map[string]any, to any) error {
	answer, err := c.DoJSON(request)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(answer, to); err != nil {
		return fmt.Errorf("the node's answer to %s: %w", request["command"], err)
	}
	return nil
}

// say prints one line of output. The command goes on if that fails, and run
// tells of it in the end.
func (a *app) say(format string, args ...any) {
	_, err := fmt.Fprintln(a.stdout, printable(fmt.Sprintf(format, args...)))
	if err != nil && a.sayErr == nil {
		a.sayErr = fmt.Errorf("print the output: %w", err)
	}
}

// complain prints one line of errors or warnings.
func (a *app) complain(format string, args ...any) {
	fmt.Fprintln(a.stderr, printable(fmt.Sprintf(format, args...)))
}

// print prints a text of ours.
func (a *app) print(text string) error {
	_, err := io.WriteString(a.stdout, text)
	return err
}

// printable replaces what could change a terminal rather than show on it: much
// of what is printed comes from anywhere in the mesh.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return unicode.ReplacementChar
	}, s)
}

// sayJSON prints JSON the way people read it, with sorted keys.
func (a *app) sayJSON(raw json.RawMessage) error {
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	var value any
	if err := dec.Decode(&value); err != nil {
		return fmt.Errorf("the node's answer: %w", err)
	}
	var out strings.Builder
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "    ")
	if err := enc.Encode(value); err != nil {
		return fmt.Errorf("the node's answer: %w", err)
	}
	return a.print(escapeControls(out.String()))
}

// escapeControls does in JSON what printable does in text. The encoder has
// escaped the ASCII controls already, but there are more.
func escapeControls(s string) string {
	var b strings.Builder
	for _, r := range s {
		switch {
		case unicode.IsPrint(r) || r == '\n':
			b.WriteRune(r)
		default:
			for _, unit := range utf16.Encode([]rune{r}) {
				fmt.Fprintf(&b, `\u%04x`, unit)
			}
		}
	}
	return b.String()
}
