package main

import (
	"strings"
	"testing"

	"receptor/sim/scenario"
)

func TestCompletion(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		line string // the last word is completed
		want string // values, joined
	}{
		{"", "run check gen import completion --version --help"},
		{"ch", "check"},
		{"run --t", "--trace --twice"},
		{"run ", ":files"},
		{"run --trace ", ":files"},
		{"run --engine ", "core full"},
		{"check a.yaml --out ", ":files"},
		{"check --keep-going ", ":files"},
		{"gen r", "ring random-regular"},
		{"gen ring ", ""},
		{"gen ring --backend=u", "--backend=udp"},
		{"gen --nodes 3 b", "barabasi-albert"},
		{"import --format g", "graphml gml"},
		{"completion ", "bash zsh fish"},
		{"nosuch --", ""},
	} {
		code, stdout, stderr := meshsim(append([]string{"completion", "words"}, strings.Split(tt.line, " ")...)...)
		var values []string
		for line := range strings.Lines(stdout) {
			value, _, _ := strings.Cut(line, "\t")
			values = append(values, value)
		}
		if text := strings.Join(values, " "); code != exitOK || stderr != "" || text != tt.want {
			t.Errorf("%q: exit code %d, %q, want %q; stderr: %s", tt.line, code, text, tt.want, stderr)
		}
	}
	// Every command is there.
	for _, c := range commands {
		if code, _, stderr := meshsim(c.Value, "--help"); code != exitOK && c.Value != "completion" {
			t.Errorf("%s --help: exit code %d, %s", c.Value, code, stderr)
		}
		if !strings.Contains(usage, c.Value) && c.Value != "--help" {
			t.Errorf("the help does not tell of %s", c.Value)
		}
	}
	if _, stdout, _ := meshsim("completion", "words", "gen", ""); strings.Count(stdout, "\n") != len(scenario.Kinds()) {
		t.Errorf("not all kinds of topologies are offered: %q", stdout)
	}
	if code, stdout, _ := meshsim("completion", "fish"); code != exitOK || !strings.Contains(stdout, "complete -c meshsim") {
		t.Errorf("exit code %d, script %q", code, stdout)
	}
}
