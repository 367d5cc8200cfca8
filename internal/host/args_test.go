//go:build linux

package host

import (
	"strings"
	"testing"

	"receptor/work"
)

// Runtime parameters are arguments of the command and nothing else, whatever
// they look like.
func TestArgumentsAreHandedOver(t *testing.T) {
	d := startDaemon(t, t.TempDir())
	if err := d.manager.AddType(work.Type{
		Name: "args", Command: "sh", Params: `-c 'for a; do printf "[%s]" "$a"; done' sh`, AllowRuntimeParams: true,
	}); err != nil {
		t.Fatal(err)
	}
	for params, want := range map[string]string{
		"--stderr=separate --maxoutput=1 -- supervise": "[--stderr=separate][--maxoutput=1][--][supervise]",
		"../../etc/passwd / '' ~ * -rf":                "[../../etc/passwd][/][][~][*][-rf]",
		"'a\nb' \"c\td\" e\\ f":                        "[a\nb][c\td][e f]",
		"$(id) `id` ${HOME} ; & | > x":                 "[$(id)][`id`][${HOME}][;][&][|][>][x]",
		strings.Repeat("a ", 50_000):                   strings.Repeat("[a]", 50_000),
		strings.Repeat("x", 100_000):                   "[" + strings.Repeat("x", 100_000) + "]",
		"ä " + "\U0001F600":                            "[ä][\U0001F600]",
	} {
		unit := d.submit("args", params, "")
		if got := d.rest(d.results(unit)); got != want {
			t.Errorf("%.100q: arguments %.100q, want %.100q", params, got, want)
		}
	}
}

// What the system does not take as arguments fails with its reason, at once.
func TestTooManyArguments(t *testing.T) {
	d := startDaemon(t, t.TempDir())
	for name, params := range map[string]string{"one that is too long": strings.Repeat("x", 200_000), "too many": strings.Repeat("a ", 400_000)} {
		sub, err := d.client().Submit(map[string]string{"node": "node", "worktype": "sh", "params": params})
		if err != nil {
			t.Fatal(err)
		}
		_, err = sub.Finish(strings.NewReader(""))
		if err == nil || !strings.Contains(err.Error(), "argument list too long") {
			t.Errorf("%s: %v", name, err)
		}
		d.wantStatus(sub.UnitID, work.Failed, "argument list too long")
	}
}
