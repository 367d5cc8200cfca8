package config

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/google/shlex"
)

// SplitParams splits the parameters of a work command into words as a POSIX shell does: blanks separate, quotes and
// backslashes keep together, and a # at the start of a word begins a comment. Nothing is expanded. It returns an error
// if a quote is not closed, if nothing follows the last backslash, or if the words could not be those of a command.
func SplitParams(params string) ([]string, error) {
	words, err := shlex.Split(params)
	if !utf8.ValidString(params) || strings.Contains(params, "\x00") {
		err = errors.New("it has a byte that is no text: want UTF-8 without NUL")
	}
	if err != nil {
		return nil, fmt.Errorf("splitting the parameters %s: %w", quote(params), err)
	}
	return words, nil
}
