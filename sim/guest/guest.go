// Package guest is the inside of the full engine: the daemons of a scenario with
// their real QUIC, TLS, control protocol and work, on a virtual network, disks
// and processes. Compiled for wasip1 it replays bit for bit under package full,
// which supplies time and randomness. In a bubble of testing/synctest it has
// virtual time too, and the race detector, but is not replayed.
package guest

import (
	"fmt"
	"io"
	"sync"
	"time"

	"receptor/sim/eventlog"
	"receptor/sim/scenario"
)

// Run reads a scenario with nothing left to draw from in, runs it, and writes
// the event log to out.
func Run(in io.Reader, out io.Writer) error {
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
	log := &logger{start: time.Now(), out: out}
	w := newWorld(s, log)
	if err := w.equip(); err != nil {
		return fmt.Errorf("certificates and keys: %w", err)
	}
	for _, n := range s.Nodes {
		life := w.machines[n.ID].conceive(false)
		if err := w.machines[n.ID].start(life); err != nil {
			return fmt.Errorf("start node %s: %w", n.ID, err)
		}
		life.serves = true
	}
	w.witness.begin()
	w.playTimeline()
	w.playWorkload()
	w.playStreams()
	w.playServices()
	goesOn := w.witness.letPass(time.Until(log.start.Add(s.For)))
	w.witness.timeIsUp()
	goesOn = goesOn && w.converge()
	w.witness.dismiss()
	if goesOn {
		w.judgeIdle()
	} else {
		w.giveUp()
	}
	w.end()
	return log.err
}

// logger writes the event log.
type logger struct {
	start time.Time
	mu    sync.Mutex
	out   io.Writer
	line  []byte // that was written last, for its memory
	err   error
}

func (l *logger) log(e eventlog.Event) {
	l.mu.Lock()
	defer l.mu.Unlock()
	e.At = int64(time.Since(l.start))
	l.line = e.Append(l.line[:0])
	if _, err := l.out.Write(l.line); err != nil && l.err == nil {
		l.err = err
	}
}
