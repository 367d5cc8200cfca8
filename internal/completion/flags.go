package completion

import (
	"strings"

	"github.com/spf13/pflag"
)

// Line is a command line of flags and arguments.
type Line struct {
	Flags *pflag.FlagSet
	// Value answers what the value of a flag may be; kind is how the help names
	// it. It is not asked for FILE and DIR.
	Value func(flag, kind string) Answer
	// Args answers what the argument after these may be.
	Args func(before []string) Answer
}

// Complete answers what the word after these may be.
func (l Line) Complete(before []string, word string) Answer {
	var args []string
	var open *pflag.Flag // its value is the next word
	onlyArgs := false
	for _, w := range before {
		switch {
		case open != nil:
			open = nil
		case w == "--" && !onlyArgs:
			onlyArgs = true
		case onlyArgs || !strings.HasPrefix(w, "-"):
			args = append(args, w)
		default:
			if flag, valued := l.flag(w); flag != nil && !valued {
				open = flag
			}
		}
	}
	switch {
	case open != nil:
		return l.value(open)
	case onlyArgs || !strings.HasPrefix(word, "-"):
		return l.Args(args)
	}
	if name, _, valued := strings.Cut(word, "="); valued {
		if flag := l.Flags.Lookup(strings.TrimPrefix(name, "--")); flag != nil {
			return l.value(flag).After(name + "=")
		}
		return Answer{}
	}
	return l.names()
}

// flag returns the last flag of a word, and whether its value is there, or not
// wanted.
func (l Line) flag(word string) (flag *pflag.Flag, valued bool) {
	if long, ok := strings.CutPrefix(word, "--"); ok {
		name, _, valued := strings.Cut(long, "=")
		flag = l.Flags.Lookup(name)
		return flag, valued || flag != nil && flag.NoOptDefVal != ""
	}
	letters := word[1:]
	for i := range letters {
		if flag = l.Flags.ShorthandLookup(letters[i : i+1]); flag == nil || flag.NoOptDefVal == "" {
			return flag, i+1 < len(letters)
		}
	}
	return flag, true
}

func (l Line) value(flag *pflag.Flag) Answer {
	kind, _ := pflag.UnquoteUsage(flag)
	if kind == "FILE" || kind == "DIR" {
		return Answer{Files: true}
	}
	return l.Value(flag.Name, kind)
}

// names are those of all flags.
func (l Line) names() Answer {
	var a Answer
	l.Flags.VisitAll(func(flag *pflag.Flag) {
		_, about := pflag.UnquoteUsage(flag)
		a.Candidates = append(a.Candidates, Candidate{"--" + flag.Name, about})
	})
	return a
}
