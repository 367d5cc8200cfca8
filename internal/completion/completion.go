// Package completion completes command lines in a shell.
//
// The script for a shell holds no knowledge of a program: for each completion it
// runs "PROGRAM completion words WORD...", whose answer the program makes from
// the tables that its command line is parsed by.
package completion

import (
	"embed"
	"fmt"
	"io"
	"strings"
	"unicode"
)

// Command is the name of the subcommand that prints a script, and Words what it
// is given instead of a shell to complete the words that follow. The last one,
// which may be empty, is the one to be completed.
const (
	Command = "completion"
	Words   = "words"
)

// Shells are those that there is a script for.
var Shells = []string{"bash", "zsh", "fish"}

//go:embed scripts
var scripts embed.FS

// Script writes the script that makes a shell complete the words of a program.
// It fails for a shell that is none of Shells.
func Script(w io.Writer, shell, program string) error {
	text, err := scripts.ReadFile("scripts/" + shell)
	if err != nil {
		return fmt.Errorf("there is no completion for the shell %q: want %s", shell, strings.Join(Shells, ", "))
	}
	if _, err := strings.NewReplacer("PROGRAM", program).WriteString(w, string(text)); err != nil {
		return fmt.Errorf("print the script: %w", err)
	}
	return nil
}

// Candidate is one way to complete a word.
type Candidate struct {
	Value string // the whole word; one that ends in "=" is to be continued
	About string
}

// Answer is what a word may become.
type Answer struct {
	Candidates []Candidate
	// Files: the names of files, as well. FilesAfter is what of the word stands
	// before such a name.
	Files      bool
	FilesAfter string
}

// Of is an answer of words without descriptions.
func Of(words ...string) Answer {
	var a Answer
	for _, word := range words {
		a.Candidates = append(a.Candidates, Candidate{Value: word})
	}
	return a
}

// After puts something in front of all that the answer has, such as "NAME=".
func (a Answer) After(prefix string) Answer {
	after := Answer{Files: a.Files, FilesAfter: prefix + a.FilesAfter}
	for _, c := range a.Candidates {
		after.Candidates = append(after.Candidates, Candidate{prefix + c.Value, c.About})
	}
	return after
}

// filesLine marks the line that stands for the names of files.
const filesLine = ":files\t"

// Write writes what of an answer begins with a word, for a script: a line
// for each candidate, with its description behind a tab. A candidate may come
// from anywhere in the mesh and shells put it on the command line as it is: one
// that would mean something to a shell or a terminal is left out.
func (a Answer) Write(w io.Writer, word string) error {
	var b strings.Builder
	for _, c := range a.Candidates {
		if strings.HasPrefix(c.Value, word) && !strings.ContainsFunc(c.Value, special) {
			fmt.Fprintf(&b, "%s\t%s\n", c.Value, printable(c.About))
		}
	}
	if a.Files && strings.HasPrefix(word, a.FilesAfter) {
		fmt.Fprintf(&b, "%s%s\n", filesLine, a.FilesAfter)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// special reports whether a shell may take a character for more than itself.
func special(r rune) bool {
	return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune("-_.:@%+/=,", r)
}

// printable is a text on one line that does nothing to a terminal.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return unicode.ReplacementChar
	}, strings.Join(strings.Fields(text), " "))
}

// Run carries out the subcommand: args are what follows its name. complete is
// told the words up to the last one, and that one.
func Run(w io.Writer, program string, args []string, complete func(before []string, word string) Answer) error {
	switch {
	case len(args) > 1 && args[0] == Words:
		word := args[len(args)-1]
		return complete(args[1:len(args)-1], word).Write(w, word)
	case len(args) != 1:
		return fmt.Errorf("%s takes one shell: want %s", Command, strings.Join(Shells, ", "))
	}
	return Script(w, args[0], program)
}
