package config

import "strings"

// A CommandLine is what the arguments of the daemon ask for.
type CommandLine struct {
	Help    bool // to see Usage, and nothing else
	Version bool // to see the version, and nothing else
	Check   bool // to see whether Config returns an error, and nothing else

	sources []source
}

// A source is an item of the command line, or a file of items.
type source struct {
	file string
	item *given // nil for a file
}

// ParseArgs reads the arguments of the daemon, without the program's name: items as --NAME or --NAME=VALUE, each
// followed by its parameters as NAME=VALUE or by one bare value, and the options --config FILE (-c FILE), --config-v2,
// --check, --help (-h) and --version, in any order and any number. Names are taken in any case. It returns an error that lists all
// arguments which are none of these, unless help or the version is asked for; what items there are, and what they may
// say, is for [CommandLine.Config] to check.
func ParseArgs(args []string) (*CommandLine, error) {
	var a argParser
	for a.rest = args; len(a.rest) > 0; {
		arg := a.rest[0]
		a.rest = a.rest[1:]
		a.next(arg)
	}
	if err := a.problems.err(); err != nil && !a.line.Help && !a.line.Version {
		return nil, err
	}
	return &a.line, nil
}

// Files are the configuration files that the command line names, in their order.
func (cl *CommandLine) Files() []string {
	var files []string
	for _, s := range cl.sources {
		if s.item == nil {
			files = append(files, s.file)
		}
	}
	return files
}

// flag is what an option without a value sets, or nil if it is none. --config-v2 sets nothing of use: deployed nodes
// must be told what a file shows.
func (cl *CommandLine) flag(option string) *bool {
	switch option {
	case "-h", "--help":
		return &cl.Help
	case "--version":
		return &cl.Version
	case "--check":
		return &cl.Check
	case "--config-v2":
		return new(bool)
	}
	return nil
}

type argParser struct {
	line     CommandLine
	item     *given // takes the parameters that follow; nil if nothing does
	rest     []string
	problems problems
}

func (a *argParser) next(arg string) {
	name, val, valued := strings.Cut(arg, "=")
	switch option := lower(name); {
	case option == "-c" || option == "--config":
		a.item = nil
		a.config(name, val, valued)
	case a.line.flag(option) != nil:
		a.item = nil
		if valued {
			a.problems.add(Position{}, "%s takes no value: want it without %s", name, quote("="+val))
			return
		}
		*a.line.flag(option) = true
	case strings.HasPrefix(name, "--") && name != "--":
		a.item = &given{name: name[2:]}
		if valued {
			a.item.bare = plain(val)
		}
		a.line.sources = append(a.line.sources, source{item: a.item})
	case strings.HasPrefix(name, "-"):
		a.item = &given{} // what follows belongs to it and is no mistake of its own
		a.problems.add(Position{}, "unknown option %s: want --NAME for an item, -c FILE or -h", quote(name))
	case a.item == nil:
		a.problems.add(Position{}, "%s is neither an item (--NAME) nor a parameter of one (NAME=VALUE)", quote(arg))
	case valued:
		a.item.params = append(a.item.params, pair{name: name, value: plain(val)})
	case a.item.bare != nil:
		a.problems.add(Position{}, "%s is neither an item (--NAME) nor a parameter (NAME=VALUE), and --%s has its value %s already",
			quote(arg), a.item.name, quote(a.item.bare.Value))
	default:
		a.item.bare = plain(arg)
	}
}

// config takes the file that an option names, in itself or in the next argument.
func (a *argParser) config(option, file string, valued bool) {
	if !valued && len(a.rest) > 0 && !strings.HasPrefix(a.rest[0], "-") {
		file, a.rest = a.rest[0], a.rest[1:]
	}
	if file == "" {
		a.problems.add(Position{}, "%s names no file: want %s FILE", option, option)
		return
	}
	a.line.sources = append(a.line.sources, source{file: file})
}
