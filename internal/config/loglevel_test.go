package config

import "testing"

func TestLogLevels(t *testing.T) {
	for _, level := range []LogLevel{Error, Warning, Info, Debug} {
		if got, err := ParseLogLevel(level.String()); err != nil || got != level {
			t.Errorf("%v read back is %v (%v)", level, got, err)
		}
	}
	if !(Error < Warning && Warning < Info && Info < Debug) {
		t.Error("the levels are not in order")
	}
	if got := LogLevel(4).String() + LogLevel(-1).String(); got != "LogLevel(4)LogLevel(-1)" {
		t.Errorf("unknown levels are called %s", got)
	}
	const want = `log level is "trace": want Error, Warning, Info or Debug`
	if _, err := ParseLogLevel("trace"); err == nil || err.Error() != want {
		t.Errorf("level trace: %v, want %s", err, want)
	}
}
