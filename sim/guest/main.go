// Command guest is the program that the full engine runs: the daemons of a
// scenario with their real QUIC, TLS, control protocol and work, on a virtual
// network, disks and processes. Compiled for wasip1 it replays bit for bit under
// package full, which supplies time and randomness. It reads a scenario with
// nothing left to draw from stdin, and writes an event log to stdout.
package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"time"

	"receptor/sim/eventlog"
	"receptor/sim/scenario"
)

func main() {
	if err := run(os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(in io.Reader, out io.Writer) error {
	text, err := io.ReadAll(in)
	if err != nil {
		return err
	}
	file, err := scenario.Parse("scenario", text)
	if err != nil {
		return err
	}
	s, err := file.Resolve(file.Seed())
	if err != nil {
		return err
	}
	log := &logger{start: time.Now(), out: json.NewEncoder(out)}
	w := newWorld(s, log)
	for _, n := range s.Nodes {
		if err := w.machines[n.ID].start(); err != nil {
			return fmt.Errorf("start node %s: %w", n.ID, err)
		}
	}
	w.playTimeline()
	w.playWorkload()
	w.playStreams()
	time.Sleep(time.Until(log.start.Add(s.For)))
	w.end()
	return log.err
}

// logger writes the event log. Nothing is written by two goroutines at once:
// the guest is one thread, and Encode does not wait for others.
type logger struct {
	start time.Time
	out   *json.Encoder
	err   error
}

func (l *logger) log(e eventlog.Event) {
	e.At = int64(time.Since(l.start))
	if err := l.out.Encode(e); err != nil && l.err == nil {
		l.err = err
	}
}
