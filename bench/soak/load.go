package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"time"

	"receptor/control"
)

// unitScript is the command of a unit. That it has run is written down in a file
// beside it; then it prints its stdin, with a pause after the first bytes.
const unitScript = `#!/bin/sh
echo "$1" >>"$(dirname "$0")/ran"
head -c "$2"
sleep "$3"
exec cat
`

// job is what one unit is to do, and what is known of it.
type job struct {
	name         string
	from, target *node
	stdin        []byte
	unit         string // its ID, once known
	acknowledged bool   // its submission was
	canceled     bool   // somebody asked for that
	state        string // the last that was seen
	detail       string
	output       []byte
	began, ended time.Time
}

func (j *job) terminal() bool {
	return j.state == "Succeeded" || j.state == "Failed" || j.state == "Canceled"
}

// worker gives the mesh one unit after the other.
type worker struct {
	mesh  *mesh
	tally *tally
	rand  *rand.Rand
	name  string
}

// work submits units until failing ends, and follows the last one until all ends.
func (w *worker) work(failing, all context.Context) {
	for i := 0; failing.Err() == nil; i++ {
		j := w.draw(i)
		if w.submit(all, j); j.unit != "" {
			w.follow(all, j)
		}
		w.tally.add(j)
	}
}

func (w *worker) draw(i int) *job {
	ends := []*node{w.mesh.nodes[0], w.mesh.nodes[2]}
	j := &job{name: fmt.Sprint(w.name, "-", i), from: ends[w.rand.IntN(2)], canceled: w.rand.IntN(10) == 0}
	j.target = w.mesh.nodes[w.rand.IntN(3)]
	j.stdin = make([]byte, w.rand.IntN(1<<w.rand.IntN(22)))
	for k := range j.stdin {
		j.stdin[k] = byte(w.rand.Uint32())
	}
	return j
}

// submit submits a unit. After an error it is not tried again: whether the unit
// exists is not known then, and the node finds out.
func (w *worker) submit(ctx context.Context, j *job) {
	j.began = time.Now()
	first := 0
	if len(j.stdin) > 0 {
		first = w.rand.IntN(len(j.stdin))
	}
	fields := map[string]string{
		"node": j.target.id, "worktype": "tally",
		"params": fmt.Sprintf("%s %d %.2f", j.name, first, 3*w.rand.Float64()*w.rand.Float64()),
	}
	c, err := w.awaitClient(ctx, j.from)
	if err != nil {
		return
	}
	defer c.Close()
	s, err := c.Submit(fields)
	if err != nil {
		return
	}
	j.unit = s.UnitID
	_, err = s.Finish(bytes.NewReader(j.stdin))
	j.acknowledged = err == nil
}

func (w *worker) awaitClient(ctx context.Context, n *node) (*control.Client, error) {
	for {
		c, err := n.client(ctx)
		if err == nil || !pause(ctx, retryAfter) {
			return c, err
		}
	}
}

// follow reads the output of a unit to its end, and sees how it ends.
func (w *worker) follow(ctx context.Context, j *job) {
	if j.canceled {
		pause(ctx, time.Duration(w.rand.Int64N(int64(3*time.Second))))
		_, _ = j.from.do(ctx, "work cancel "+j.unit) // it may have ended by then
	}
	for !j.terminal() || int64(len(j.output)) < j.size(ctx) {
		if ctx.Err() != nil {
			return
		}
		w.read(ctx, j)
		w.ask(ctx, j)
	}
	j.ended = time.Now()
}

// read reads output until its end or an error.
func (w *worker) read(ctx context.Context, j *job) {
	c, err := w.awaitClient(ctx, j.from)
	if err != nil {
		return
	}
	defer c.Close()
	results, err := c.Results(j.unit, int64(len(j.output)))
	if err != nil {
		return
	}
	var more bytes.Buffer
	_, _ = io.Copy(&more, results) // an error: the daemon is gone, the rest comes later
	j.output = append(j.output, more.Bytes()...)
}

// ask asks for the state of a unit.
func (w *worker) ask(ctx context.Context, j *job) {
	answer, err := j.from.do(ctx, "work status "+j.unit)
	var refused *control.RemoteError
	switch {
	case errors.As(err, &refused) && !j.acknowledged:
		j.state, j.detail = "Failed", "lost before it was acknowledged: "+refused.Text
		return
	case err != nil:
		j.detail = err.Error()
		return
	}
	var s struct{ StateName, Detail string }
	if err := json.Unmarshal(answer, &s); err != nil {
		j.detail = err.Error()
		return
	}
	if j.terminal() && s.StateName != j.state {
		w.tally.complain("%s was %s and became %s", j, j.state, s.StateName)
	}
	j.state, j.detail = s.StateName, s.Detail
	if !j.terminal() {
		pause(ctx, retryAfter)
	}
}

// size is how much output the unit's node has of it.
func (j *job) size(ctx context.Context) int64 {
	answer, err := j.from.do(ctx, "work status "+j.unit)
	var s struct{ StdoutSize int64 }
	if err != nil || json.Unmarshal(answer, &s) != nil {
		return 0
	}
	return s.StdoutSize
}

func (j *job) String() string {
	return fmt.Sprintf("%s (unit %s of %s on %s, %d bytes)", j.name, j.unit, j.from.id, j.target.id, len(j.stdin))
}

// releaseAll releases every unit of every node, until none is left.
func (m *mesh) releaseAll(ctx context.Context, t *tally) {
	for {
		left := 0
		for _, n := range m.nodes {
			answer, err := n.do(ctx, "work list")
			var units map[string]struct{ WorkType, StateName, Detail string }
			if err == nil {
				err = json.Unmarshal(answer, &units)
			}
			if err != nil {
				t.complain("units of %s: %v", n.id, err)
				return
			}
			left += len(units)
			for id, u := range units {
				// Those that a node was given by another go with that one's.
				if _, err := n.do(ctx, "work release "+id); err != nil && !strings.Contains(err.Error(), "unknown work unit") {
					t.complain("release of unit %s of %s (%s, %s: %s): %v", id, n.id, u.WorkType, u.StateName, u.Detail, err)
				}
			}
		}
		if left == 0 {
			return
		}
		if !pause(ctx, time.Second) {
			t.complain("%d units are left after their release", left)
			return
		}
	}
}
