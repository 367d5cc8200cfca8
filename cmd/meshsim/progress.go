package main

import (
	"fmt"
	"time"
)

// progress tells on stderr how far something is. On a terminal that is a line
// which is overwritten by the next one; elsewhere, lines few and far between,
// or none.
type progress struct {
	app
	began time.Duration
	lines time.Duration // how often there is a line if stderr is no terminal; 0: never
	shown time.Duration // when the last line was, in the time of wall
	drawn bool          // there is a line to overwrite
}

// Pauses between two lines of progress.
const (
	redrawEvery = 100 * time.Millisecond
	lineEvery   = 10 * time.Second
)

func (a app) newProgress(lines time.Duration) *progress {
	now := a.wall()
	return &progress{app: a, began: now, lines: lines, shown: now}
}

// show tells how far it is, if that is due.
func (p *progress) show(text func() string) {
	now := p.wall()
	switch {
	case p.terminal(p.stderr) && (!p.drawn || now-p.shown >= redrawEvery):
		fmt.Fprintf(p.stderr, "\r\x1b[K%s, %v", text(), (now - p.began).Round(time.Second))
		p.shown, p.drawn = now, true
	case !p.terminal(p.stderr) && p.lines > 0 && now-p.shown >= p.lines:
		fmt.Fprintf(p.stderr, "meshsim: %s, %v\n", text(), (now - p.began).Round(time.Second))
		p.shown = now
	}
}

// clear removes the line of progress.
func (p *progress) clear() {
	if p.drawn {
		fmt.Fprint(p.stderr, "\r\x1b[K")
		p.drawn = false
	}
}
