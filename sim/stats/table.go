package stats

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"
)

// Print writes the summary as a table for a person.
func (s *Summary) Print(out io.Writer) error {
	var b strings.Builder
	row := func(label string, cells ...string) {
		fmt.Fprintf(&b, "%-42s", label)
		for _, c := range cells {
			fmt.Fprintf(&b, " %11s", c)
		}
		b.WriteByte('\n')
	}
	spread := func(label string, d Distribution, write func(float64) string) {
		if d.Count == 0 {
			row(label, "-", "-", "-", "0")
			return
		}
		row(label, write(d.Median), write(d.P95), write(d.Max), fmt.Sprint(d.Count))
	}
	row("", "median", "p95", "max", "count")
	for _, c := range s.Convergence {
		spread(fmt.Sprintf("routes right after %s", c.After), c.Routes, writeSeconds)
		spread(fmt.Sprintf("all right after %s", c.After), c.Databases, writeSeconds)
	}
	spread("control bytes per node and second, calm", s.Control.Calm, writeNumber)
	spread("control bytes per node and second, busy", s.Control.Busy, writeNumber)
	spread("hops of what was delivered, most in a run", s.Hops.Delivered, writeNumber)
	spread("hops of routes, most in a run", s.Hops.Routes, writeNumber)
	b.WriteByte('\n')
	for _, c := range s.Convergence {
		if missing := c.Episodes - c.Databases.Count; missing > 0 {
			fmt.Fprintf(&b, "%-11s %d of %d times after %s, all was not right before the next disturbance or the end\n",
				"unfinished", missing, c.Episodes, c.After)
		}
	}
	if s.Pings.Sent > 0 {
		fmt.Fprintf(&b, "%-11s %d sent, %d answered, %d lost\n", "pings", s.Pings.Sent, s.Pings.Answered, s.Pings.Lost)
	}
	if s.Datagrams.Sent > 0 {
		fmt.Fprintf(&b, "%-11s %s\n", "datagrams", s.Datagrams)
	}
	_, err := io.WriteString(out, b.String())
	return err
}

// String tells it in one line, the losses sorted.
func (d Datagrams) String() string {
	text := fmt.Sprintf("%d sent, %d delivered", d.Sent, d.Delivered)
	for _, why := range slices.Sorted(maps.Keys(d.Lost)) {
		text += fmt.Sprintf("; %s: %d", why, d.Lost[why])
	}
	return text
}

func writeSeconds(v float64) string {
	d := time.Duration(v * float64(time.Second))
	switch {
	case d >= 10*time.Second:
		return d.Round(100 * time.Millisecond).String()
	case d >= time.Second:
		return d.Round(10 * time.Millisecond).String()
	}
	return d.Round(100 * time.Microsecond).String()
}

func writeNumber(v float64) string {
	if v == float64(int(v)) {
		return fmt.Sprint(int(v))
	}
	return fmt.Sprintf("%.1f", v)
}
