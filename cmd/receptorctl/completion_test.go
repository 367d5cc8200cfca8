package main

import (
	"context"
	"strings"
	"testing"
)

func TestCompletion(t *testing.T) {
	n := newFakeNode(t, map[string]any{"status": meshStatus, "work list": twoUnits})
	for _, tt := range []struct {
		line string // the last word is completed
		want string // values, joined
	}{
		{"st", "status"},
		{"work re", "results release"},
		{"wo", "work"},
		{"--so", "--socket"},
		{"status --j", "--json"},
		{"status ", ""},
		{"work submit --p", "--payload --payload-literal --param"},
		{"work submit --payload ", ":files"},
		{"work submit -p ", ":files"},
		{"work submit -nfp ", ":files"},
		{"work submit --payload=", ":files"},
		{"work submit -n ", "cat date sh"},
		{"work submit --node ", "b zürich-0000001 a"},
		{"work submit --node=z", "--node=zürich-0000001"},
		{"work submit cat x", ""},
		{"work submit -- --p", ""},
		{"ping ", "b zürich-0000001 a"},
		{"ping --count ", ""},
		{"ping a ", ""},
		{"connect a ", "control ctl2"},
		{"connect --raw a c", "control ctl2"},
		{"connect a control ", ""},
		{"work results X", "X1"},
		{"work release X1 --force Y", "Y2"},
		{"work list --unit_id Y", "Y2"},
		{"completion ", "bash zsh fish"},
		{"--socket " + n.socket + " ping b", "b"},
		{"--socket ", ":files"},
		{"--config ", ":files"},
		{"nosuch ", ""},
		{"--socket " + noContact + " ping ", ""},
	} {
		words := strings.Split(tt.line, " ")
		got := n.ctl(append([]string{"completion", "words"}, words...)...)
		var values []string
		for line := range strings.Lines(got.stdout) {
			value, _, _ := strings.Cut(line, "\t")
			values = append(values, value)
		}
		if text := strings.Join(values, " "); got.code != 0 || got.stderr != "" || text != tt.want {
			t.Errorf("%q: exit code %d, %q, want %q; stderr: %s", tt.line, got.code, text, tt.want, got.stderr)
		}
	}
	n.ctl("completion", "words", "work", "status", "Y").want(t, 0, "Y2\tSucceeded\n", "")
	for shell, want := range map[string]string{"bash": "complete -F", "zsh": "#compdef receptorctl", "fish": "complete -c receptorctl"} {
		if got := n.ctl("completion", shell); got.code != 0 || !strings.Contains(got.stdout, want) || strings.Contains(got.stdout, "PROGRAM") {
			t.Errorf("%s: exit code %d\n%s", shell, got.code, got.stdout)
		}
	}
	runTool(context.Background(), strings.NewReader(""), nil, "completion", "tcsh").want(t, 1, "", `there is no completion for the shell "tcsh": want bash, zsh, fish`)
}
