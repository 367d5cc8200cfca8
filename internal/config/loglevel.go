package config

import (
	"fmt"
	"strings"
)

// A LogLevel names the least important messages that are logged. A higher level logs more.
type LogLevel int

// The levels, from the most important messages to all of them.
const (
	Error LogLevel = iota
	Warning
	Info
	Debug
)

var levelNames = [...]string{Error: "Error", Warning: "Warning", Info: "Info", Debug: "Debug"}

// String is the name of the level as it is written in a configuration.
func (l LogLevel) String() string {
	if l < 0 || int(l) >= len(levelNames) {
		return fmt.Sprintf("LogLevel(%d)", int(l))
	}
	return levelNames[l]
}

// ParseLogLevel returns the level of that name, in any case, or an error that names the levels there are.
func ParseLogLevel(name string) (LogLevel, error) {
	for level, known := range levelNames {
		if strings.EqualFold(name, known) {
			return LogLevel(level), nil
		}
	}
	return 0, fmt.Errorf("log level is %s: want %s", quote(name), wantLevel)
}
