package completion

import (
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/pflag"
)

// TestMain makes this program "prog", whose words a shell completes.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == Command {
		if err := Run(os.Stdout, "prog", os.Args[2:], completeProg); err != nil {
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func completeProg(before []string, word string) Answer {
	flags := pflag.NewFlagSet("prog", pflag.ContinueOnError)
	flags.StringP("config", "c", "", "read `FILE`")
	flags.String("level", "", "the `LEVEL`: of it")
	flags.BoolP("quiet", "q", false, "no output")
	return Line{
		Flags: flags,
		Value: func(_, kind string) Answer { return Of("debug", "info:all", "evil;rm", "evil\x1b[") },
		Args: func(before []string) Answer {
			name, _, valued := strings.Cut(word, "=")
			switch {
			case valued && name == "address":
				return Of("host:1", "host:2").After("address=")
			case valued:
				return Answer{Files: true}.After(name + "=")
			}
			return Answer{Candidates: []Candidate{{"address=", "where\x1b to dial"}, {"cost=", "of it"}, {"again", "once\nmore"}}}
		},
	}.Complete(before, word)
}

func TestLine(t *testing.T) {
	const args = "address=\twhere� to dial\ncost=\tof it\nagain\tonce more\n"
	for _, tt := range []struct{ line, want string }{
		{"", args},
		{"a", "address=\twhere� to dial\nagain\tonce more\n"},
		{"--", "--config\tread FILE\n--level\tthe LEVEL: of it\n--quiet\tno output\n"},
		{"--le", "--level\tthe LEVEL: of it\n"},
		{"--level ", "debug\t\ninfo:all\t\n"},
		{"--level d", "debug\t\n"},
		{"--level=d", "--level=debug\t\n"},
		{"--level=debug ", args},
		{"--config ", ":files\t\n"},
		{"--config=a", ":files\t--config=\n"},
		{"-c ", ":files\t\n"},
		{"-qc ", ":files\t\n"},
		{"-cfile ", args},
		{"-q ", args},
		{"--nosuch=", ""},
		{"--nosuch ", args},
		{"-- --l", ""},
		{"cert=", ":files\tcert=\n"},
		{"address=host:", "address=host:1\t\naddress=host:2\t\n"},
	} {
		var out strings.Builder
		if err := Run(&out, "prog", append([]string{Words}, strings.Split(tt.line, " ")...), completeProg); err != nil || out.String() != tt.want {
			t.Errorf("%q: got %q (%v), want %q", tt.line, out.String(), err, tt.want)
		}
	}
	for _, args := range [][]string{nil, {"tcsh"}, {"bash", "zsh"}, {Words}} {
		if err := Run(io.Discard, "prog", args, completeProg); err == nil || !strings.Contains(err.Error(), "want bash, zsh, fish") {
			t.Errorf("%q: %v", args, err)
		}
	}
}

// shell is one that is installed here, with the script for prog, in a folder
// with the files alpha and beta.
type shell struct {
	t    *testing.T
	name string
	dir  string
}

func newShell(t *testing.T, name string) *shell {
	t.Helper()
	if _, err := exec.LookPath(name); err != nil {
		t.Skipf("there is no %s here: %v", name, err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	s := &shell{t: t, name: name, dir: t.TempDir()}
	if err := os.Symlink(self, filepath.Join(s.dir, "prog")); err != nil {
		t.Fatal(err)
	}
	var script strings.Builder
	if err := Script(&script, name, "prog"); err != nil {
		t.Fatal(err)
	}
	for file, text := range map[string]string{"script": script.String(), "alpha": "", "beta": ""} {
		if err := os.WriteFile(filepath.Join(s.dir, file), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

// run runs commands, and returns their lines of output joined by blanks.
func (s *shell) run(commands string) string {
	s.t.Helper()
	cmd := exec.Command(s.name, "-c", commands)
	cmd.Dir = s.dir
	cmd.Env = append(os.Environ(), "PATH="+s.dir+":"+os.Getenv("PATH"), "HOME="+s.dir)
	out, err := cmd.Output()
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
		s.t.Fatalf("%s: %v\n%s%s", commands, err, out, exit.Stderr)
	} else if err != nil {
		s.t.Fatal(err)
	}
	return strings.Join(strings.Split(strings.TrimSuffix(string(out), "\n"), "\n"), " ")
}

func TestBash(t *testing.T) {
	s := newShell(t, "bash")
	for _, tt := range []struct{ line, words, want string }{
		{"prog --le", "prog --le", "--level"},
		{"prog ", "prog ''", "address= cost= again"},
		{"prog --level d", "prog --level d", "debug"},
		// bash takes these apart, and wants only what follows the last = or :.
		{"prog address=", "prog address =", "host:1 host:2"},
		{"prog  address=ho", "prog address = ho", "host:1 host:2"},
		{"prog address=host:", "prog address = host :", "1 2"},
		{"prog --level i", "prog --level i", "info:all"},
		{"prog --level info:", "prog --level info :", "all"},
		{"prog --level=de", "prog --level = de", "debug"},
		{"prog --config=al", "prog --config = al", "alpha"},
		{"prog cert=be", "prog cert = be", "beta"},
		{"prog -c be", "prog -c be", "beta"},
		{"prog cost= a", "prog cost = a", "address= again"},
	} {
		got := s.run(`source ./script; COMP_LINE='` + tt.line + `' COMP_WORDS=(` + tt.words +
			`); COMP_POINT=${#COMP_LINE} COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); _prog_complete; printf '%s\n' "${COMPREPLY[@]}"`)
		if got != tt.want {
			t.Errorf("%s: got %q, want %q", tt.line, got, tt.want)
		}
	}
	if got := s.run("source ./script; complete -p prog"); got != "complete -F _prog_complete prog" {
		t.Errorf("bash has %q", got)
	}
}

// What zsh itself does with candidates is left out: it needs a terminal.
func TestZsh(t *testing.T) {
	s := newShell(t, "zsh")
	const stubs = `
compdef() { print -r -- "compdef $*" }
_describe() { local name=$2; print -rl -- "${(P@)name}" "(${*[3,-1]})" }
_files() { print -r -- "files $* of $PREFIX" }
source ./script
`
	for _, tt := range []struct{ words, want string }{
		{"prog --le", "--level:the LEVEL: of it ()"},
		{"prog ''", "address=:where� to dial cost=:of it (-S ) again:once more ()"},
		{"prog --level ''", `debug: info\:all: ()`},
		{"prog address=ho", `address=host\:1: address=host\:2: ()`},
		{"prog -c al", "files  of al"},
		{"prog cert=be", "files -P cert= of be"},
	} {
		got := s.run(stubs + "words=(" + tt.words + "); CURRENT=$#words; PREFIX=$words[-1]; _prog")
		if want := "compdef _prog prog " + tt.want; got != want {
			t.Errorf("%s: got %q, want %q", tt.words, got, want)
		}
	}
}

func TestFish(t *testing.T) {
	s := newShell(t, "fish")
	for _, tt := range []struct{ line, want string }{
		{"prog --le", "--level\tthe LEVEL: of it"},
		{"prog ad", "address=\twhere� to dial"},
		{"prog --level ", "debug info:all"},
		{"prog address=host:", "address=host:1 address=host:2"},
		{"prog -c al", "alpha"},
		{"prog cert=be", "cert=beta"},
		{"prog --config=al", "--config=alpha"},
	} {
		got := s.run("source ./script; complete -C '" + tt.line + "'")
		if got != tt.want {
			t.Errorf("%s: got %q, want %q", tt.line, got, tt.want)
		}
	}
}
