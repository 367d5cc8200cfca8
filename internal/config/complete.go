package config

import (
	"strings"

	"receptor/internal/completion"
)

// options are what a command line has beside items.
var options = []completion.Candidate{
	{Value: "--config", About: "take the items of a YAML file"},
	{Value: "--config-v2", About: "nothing: the file shows its version"},
	{Value: "--check", About: "say what is wrong with the configuration, and exit"},
	{Value: "--help", About: "print the help and exit"},
	{Value: "--version", About: "print the version and exit"},
}

// Complete answers what a word on the daemon's command line may become that stands after others, without the
// program's name.
func Complete(before []string, word string) completion.Answer {
	var spec *itemSpec // of the item that the word may be a parameter of
	var given []string // its parameters before the word
	file := false      // the word names one
	for _, w := range before {
		name, _, valued := strings.Cut(w, "=")
		switch option := lower(name); {
		case file:
			file = false
		case option == "-c" || option == "--config":
			file, spec = !valued, nil
		case strings.HasPrefix(w, "-"):
			spec, given = specOf(strings.TrimPrefix(option, "--")), nil
			if valued && spec != nil && spec.main != nil {
				given = []string{spec.main.name}
			}
		case spec != nil && !valued && spec.main != nil:
			given = append(given, spec.main.name)
		default:
			given = append(given, option)
		}
	}
	name, _, valued := strings.Cut(word, "=")
	option := lower(name)
	switch {
	case file:
		return completion.Answer{Files: true}
	case valued && option == "--config":
		return completion.Answer{Files: true}.After(name + "=")
	case valued && strings.HasPrefix(option, "--"):
		if spec := specOf(option[2:]); spec != nil && spec.main != nil {
			return spec.main.complete().After(name + "=")
		}
	case strings.HasPrefix(word, "-"):
		return items()
	case spec == nil:
	case !valued:
		return spec.complete(given)
	case spec.param(option) != nil:
		return spec.param(option).complete().After(name + "=")
	}
	return completion.Answer{}
}

// items are all that may begin with a dash.
func items() completion.Answer {
	a := completion.Answer{Candidates: append([]completion.Candidate(nil), options...)}
	for _, spec := range table {
		a.Candidates = append(a.Candidates, completion.Candidate{Value: "--" + spec.name, About: spec.help})
	}
	return a
}

// complete lists the parameters that may be given still; right behind the item, also what a bare value may be.
func (s *itemSpec) complete(given []string) completion.Answer {
	var a completion.Answer
	if s.main != nil && len(given) == 0 {
		a = s.main.complete()
	}
	seen := map[string]bool{}
	for _, name := range given {
		seen[name] = true
	}
	for _, p := range s.params {
		if !seen[p.name] || p.repeats {
			a.Candidates = append(a.Candidates, completion.Candidate{Value: p.name + "=", About: p.help})
		}
	}
	return a
}

// complete lists the values of a parameter that has few, or says that they are files.
func (s *paramSpec) complete() completion.Answer {
	switch s.kind {
	case "path":
		return completion.Answer{Files: true}
	case "bool":
		return completion.Of("true", "false")
	case "level":
		return completion.Of("Error", "Warning", "Info", "Debug")
	case "key-type":
		return completion.Of(KeyRSA, KeyEd25519)
	}
	return completion.Answer{}
}
