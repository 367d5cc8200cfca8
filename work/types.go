package work

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/google/shlex"
)

// Type is a work type: what units of it run (the work-command item, PROTOCOL
// section 6).
type Type struct {
	Name string
	// Command is the program, looked up in PATH unless it has a slash.
	Command string
	// Params are its parameters, split into words as a shell does: blanks
	// separate, quotes and backslashes keep together. Nothing is expanded.
	Params string
	// AllowRuntimeParams lets a submission add parameters after those.
	AllowRuntimeParams bool
	// VerifySignature has orders about its units signed, unless they come by the
	// node's own Unix socket.
	VerifySignature bool
	// MaxParallel is how many of its units run at the same time, 0 for no limit.
	// Others wait, in the order in which their stdin was complete.
	MaxParallel int
	// MaxOutput is how many bytes of output a unit may have, 0 for no limit. One
	// with more is ended and fails.
	MaxOutput int64
	// SeparateStderr keeps stderr apart from the output.
	SeparateStderr bool
}

// withRuntime returns the parameters of a unit whose submission adds some.
func (t Type) withRuntime(params string) (string, error) {
	switch {
	case params == "":
		return t.Params, nil
	case !t.AllowRuntimeParams:
		return "", errors.New("extra params provided but not allowed")
	case t.Params == "":
		return params, nil
	}
	return t.Params + " " + params, nil
}

// splitParams splits parameters into words, which can be arguments of a command.
// An error does not show them: nobody knows what they hold.
func splitParams(params string) ([]string, error) {
	if at := strings.IndexByte(params, 0); at >= 0 {
		return nil, fmt.Errorf("byte %d of the parameters is NUL, which no argument of a command can have", at)
	}
	if !utf8.ValidString(params) {
		return nil, errors.New("the parameters are not UTF-8")
	}
	words, err := shlex.Split(params)
	if err != nil {
		return nil, fmt.Errorf("split the parameters into words: %w", err)
	}
	return words, nil
}
