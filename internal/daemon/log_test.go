package daemon

import (
	"strings"
	"testing"

	"receptor/internal/config"
	"receptor/transport/transporttest"
)

// Lines are those of deployed nodes, which operators search: level, date, time of
// the machine's zone, text.
func TestLogLines(t *testing.T) {
	clock := transporttest.NewClock()
	when := clock.Now().Local().Format("2006/01/02 15:04:05")
	lines := []string{"ERROR", "WARNING", "INFO", "DEBUG"}
	for i, level := range []config.LogLevel{config.Error, config.Warning, config.Info, config.Debug} {
		var out strings.Builder
		log := NewLog(&out, clock, level)
		log.Errorf("text %d", 1)
		log.Warningf("text %d", 1)
		log.Infof("text %d", 1)
		log.Debugf("text %d", 1)
		log.Tracef("text %d", 1)
		want := ""
		for _, name := range append(lines[:i+1:i+1], "TRACE") {
			want += name + " " + when + " text 1\n"
		}
		if out.String() != want {
			t.Errorf("at level %v:\n%swant\n%s", level, &out, want)
		}
	}
}

// What others have named cannot make lines of its own.
func TestLogIsOneLine(t *testing.T) {
	var out strings.Builder
	NewLog(&out, transporttest.NewClock(), config.Info).Infof("node %s", "a\nERROR \x1b[31mforged\r")
	if got := out.String(); strings.Count(got, "\n") != 1 || strings.ContainsAny(got, "\r\x1b") {
		t.Errorf("%q, want one line of text", got)
	}
}
