package daemon

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"unicode"

	"receptor/internal/config"
	"receptor/transport"
)

// Log writes lines of the form "INFO 2021/07/22 22:40:36 text". Its methods
// may be called from any goroutine.
type Log struct {
	clock transport.Clock
	level config.LogLevel

	mu  sync.Mutex
	out io.Writer
}

// NewLog returns a log that writes messages down to the given level to out.
func NewLog(out io.Writer, clock transport.Clock, level config.LogLevel) *Log {
	return &Log{out: out, clock: clock, level: level}
}

// Errorf logs what needs a person.
func (l *Log) Errorf(format string, args ...any) { l.logf(config.Error, "ERROR", format, args) }

// Warningf logs what a person may want to look at.
func (l *Log) Warningf(format string, args ...any) { l.logf(config.Warning, "WARNING", format, args) }

// Infof logs what changes seldom.
func (l *Log) Infof(format string, args ...any) { l.logf(config.Info, "INFO", format, args) }

// Debugf logs the rest.
func (l *Log) Debugf(format string, args ...any) { l.logf(config.Debug, "DEBUG", format, args) }

// Tracef logs what somebody has asked for, whatever the level.
func (l *Log) Tracef(format string, args ...any) { l.logf(l.level, "TRACE", format, args) }

func (l *Log) logf(level config.LogLevel, name, format string, args []any) {
	if level > l.level {
		return
	}
	line := logLine(l.clock, name, printable(fmt.Sprintf(format, args...)))
	l.mu.Lock()
	defer l.mu.Unlock()
	io.WriteString(l.out, line)
}

func logLine(clock transport.Clock, name, text string) string {
	return fmt.Sprintf("%s %s %s\n", name, clock.Now().Local().Format("2006/01/02 15:04:05"), text)
}

// printable keeps names and texts that come from other nodes from writing lines
// of their own into the log, or to the terminal that shows it.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return unicode.ReplacementChar
	}, s)
}
