package guest

import (
	"encoding/json"
	"errors"
	"strconv"
	"time"

	"receptor/control"
	"receptor/sim/eventlog"
	"receptor/sim/scenario"
	"receptor/sim/seed"
)

// retryPause is how long a client waits before it asks again.
const retryPause = time.Second

// controlName is the control service of every node.
const controlName = "control"

// dataDir is where nodes have their units.
const dataDir = "/data"

// controlSocket is the file of every node's control service.
const controlSocket = "/run/control"

func (w *world) playWorkload() {
	for _, p := range w.scenario.Pings {
		go w.pings(p)
	}
	numbers := 0
	for _, d := range w.scenario.Datagrams {
		go w.datagrams(d, numbers)
		numbers += d.Count
	}
	for n, u := range w.scenario.Units {
		unit := &unit{Unit: u, number: n + 1, world: w}
		unit.stdin = make([]byte, u.Stdin)
		r := seed.Rand(w.scenario.Seed, "stdin", strconv.Itoa(unit.number))
		for i := range unit.stdin {
			unit.stdin[i] = byte(r.Uint32())
		}
		w.units = append(w.units, unit)
		go unit.play()
	}
}

// client connects to the control socket of a node.
func (w *world) client(node string) (*control.Client, error) {
	conn, err := w.machines[node].sockets.dial("unix", controlSocket, nil)
	if err != nil {
		return nil, err
	}
	c, _, err := control.NewClient(conn)
	if err != nil {
		conn.Close()
	}
	return c, err
}

// insist does something until there is no error, and tells of each. It reports
// false when the run was over before.
func (w *world) insist(f func() error, tell func(error)) bool {
	for {
		err := f()
		if err == nil || w.over.Load() {
			return err == nil
		}
		tell(err)
		time.Sleep(retryPause)
	}
}

// do asks a node one thing.
func (w *world) do(node, line string) (json.RawMessage, error) {
	c, err := w.client(node)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	return c.Do(line)
}

func (w *world) pings(p scenario.Ping) {
	time.Sleep(p.At)
	for range p.Count {
		if w.over.Load() {
			return
		}
		go func() {
			failed := w.witness.expectPing(p)
			err := w.ping(p.From, p.To)
			w.log.log(eventlog.Event{Kind: eventlog.Pinged, Node: p.From, Text: p.To, Problem: text(err)})
			if err != nil {
				failed(err)
			}
		}()
		time.Sleep(p.Every)
	}
}

// ping lets a node ping another.
func (w *world) ping(from, to string) error {
	if m := w.machines[from]; m.kind == scenario.KindDeployed {
		life := m.sender.Load()
		if life == nil || life.dead.Load() {
			return errDead
		}
		return life.node.(*model).ping(to)
	}
	answer, err := w.do(from, "ping "+to)
	if err != nil {
		return err
	}
	var reply struct {
		Success bool
		Error   string
	}
	if err := json.Unmarshal(answer, &reply); err != nil {
		return err
	}
	if !reply.Success {
		return errors.New(reply.Error)
	}
	return nil
}

func text(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
