package scenario

import (
	"fmt"
	"slices"
	"time"
)

// Do is what an action does.
type Do string

// What an action can do to the Link that it names; with OneWay only to frames
// from its first end to its second.
const (
	// Down: the wire carries nothing.
	Down Do = "down"
	// Up ends Down and Flap.
	Up Do = "up"
	// Flap: the wire goes down and comes back, Every once.
	Flap Do = "flap"
	// Clog: the wire holds back what it is given, and delivers it when that ends.
	Clog   Do = "clog"
	Unclog Do = "unclog"
)

// What an action can do to the Nodes that it names.
const (
	// Split: no wire carries anything between these and all others.
	Split Do = "split"
	// Heal ends every Split.
	Heal Do = "heal"
	// Settle makes all links between these nodes, and themselves, sound, and
	// everything else that is broken then stay so: no later action is carried out.
	Settle Do = "settle"
)

// What an action can do to the Node that it names.
const (
	// Pause: it handles nothing; what arrives waits.
	Pause Do = "pause"
	// Slow: it takes By for everything that it handles.
	Slow Do = "slow"
	// Resume ends Pause and Slow.
	Resume Do = "resume"
	// Crash: its process is killed. After For it is started again.
	Crash Do = "crash"
	// Restart starts it again after a Crash.
	Restart Do = "restart"
	// Wipe is Crash, and its disk is lost.
	Wipe Do = "wipe"
	// PowerCut ends all that runs on its machine. Of what was not synced its disk
	// keeps what Loss says. After For the machine starts again.
	PowerCut Do = "power-cut"
	// DiskFull: nothing more can be written to its disk.
	DiskFull Do = "disk-full"
	// DiskSlow: each change of its disk takes By.
	DiskSlow Do = "disk-slow"
	// DiskErrors: changes of its disk fail, each with Probability.
	DiskErrors Do = "disk-errors"
	// DiskLies: its disk says that it has synced, and has not.
	DiskLies Do = "disk-lies"
	// Duplicate: a second node with its ID appears, which dials Via.
	Duplicate Do = "duplicate"
	// SetClock puts its clock wrong by Clock.
	SetClock Do = "clock"
	// Renew puts another certificate with its key, Certificate, in the files of its
	// machine.
	Renew Do = "renew"
	// Forge: it sends its peers a forged or corrupt frame, Every once.
	Forge Do = "forge"
)

// Action is something that happens at a time.
type Action struct {
	At time.Duration
	Do Do
	// For is how long it lasts; 0: until something ends it. Forge and Flap must
	// have one, and what is done at once has none.
	For time.Duration

	Link   [2]string // the two ends, in either order
	OneWay bool
	Nodes  []string
	Node   string

	// Every spaces the turns of Flap and Forge.
	Every time.Duration
	// By is what one event costs a Slow node.
	By time.Duration
	// OldEpoch lets a node that starts again after Crash or Restart have the epoch
	// that it had before, as a machine does whose clock begins at a fixed date.
	OldEpoch bool
	// Via is the node that a Duplicate dials.
	Via string
	// Clock is what SetClock sets.
	Clock Clock
	// Certificate is what Renew puts in place. It names the node that the one before
	// does: its Node is "".
	Certificate Certificate
	// Loss is what a PowerCut leaves of what was not synced; "" is LoseAll.
	Loss Loss
	// Probability is that of DiskErrors.
	Probability float64
	// When, if its Count is not 0, has Crash and PowerCut wait, from At on.
	When When

	line int
}

// Loss is what becomes of what was not synced.
type Loss string

// What can become of it.
const (
	// LoseAll: nothing of it is left.
	LoseAll Loss = "all"
	// Torn: what was done first is left, and perhaps a part of the next write.
	Torn Loss = "torn"
	// Reordered: any of it is left.
	Reordered Loss = "reordered"
)

// When is an instant in the life of a node: that before it does something.
type When struct {
	// Op is what it does: a change of the disk by its name in package disk, or
	// Frame, which it takes from a link; "": any of these.
	Op string
	// File is the last element of the path of what it is done to, where the .tmp
	// of a file that replaces another does not count; "": any.
	File string
	// Count is which of them it is, from 1.
	Count int
}

// Frame is the Op of frames.
const Frame = "frame"

// whenOps are what a When can wait for.
func whenOps() []string {
	return []string{"create", "mkdir", "rename", "remove", "write", "truncate", "sync", "syncdir", Frame}
}

// Clock is how far a clock is wrong.
type Clock struct {
	// Offset is added to the true time.
	Offset time.Duration
	// Drift is how much faster it runs than it should: 0.001 gains a millisecond
	// each second.
	Drift float64
}

// MaxDrift bounds the drift of a clock, either way: beyond it a node would take
// links for dead on which its peer speaks as often as it should.
const MaxDrift = 0.1

// takes tells which keys an action takes beside at, do, and perhaps for.
type takes struct {
	link, nodes, node bool
	every, by, epoch  bool
	via, clock        bool
	loss, when        bool
	probability       bool
	certificate       bool
	lasts, endless    bool // it may have a For; it may do without
}

var actions = map[Do]takes{
	Down:       {link: true, lasts: true, endless: true},
	Up:         {link: true, endless: true},
	Flap:       {link: true, every: true, lasts: true},
	Clog:       {link: true, lasts: true, endless: true},
	Unclog:     {link: true, endless: true},
	Split:      {nodes: true, lasts: true, endless: true},
	Heal:       {endless: true},
	Settle:     {nodes: true, endless: true},
	Pause:      {node: true, lasts: true, endless: true},
	Slow:       {node: true, by: true, lasts: true, endless: true},
	Resume:     {node: true, endless: true},
	Crash:      {node: true, epoch: true, when: true, lasts: true, endless: true},
	Restart:    {node: true, epoch: true, endless: true},
	Wipe:       {node: true, lasts: true, endless: true},
	PowerCut:   {node: true, loss: true, when: true, lasts: true, endless: true},
	DiskFull:   {node: true, lasts: true},
	DiskSlow:   {node: true, by: true, lasts: true},
	DiskErrors: {node: true, probability: true, lasts: true},
	DiskLies:   {node: true, lasts: true},
	Duplicate:  {node: true, via: true, lasts: true, endless: true},
	SetClock:   {node: true, clock: true, endless: true},
	Renew:      {node: true, certificate: true, endless: true},
	Forge:      {node: true, every: true, lasts: true},
}

// dos returns all that actions can do, in the order of their documentation.
func dos() []Do {
	return []Do{Down, Up, Flap, Clog, Unclog, Split, Heal, Settle,
		Pause, Slow, Resume, Crash, Restart, Wipe, PowerCut,
		DiskFull, DiskSlow, DiskErrors, DiskLies, Duplicate, SetClock, Renew, Forge}
}

// NeedsDisk tells whether an action is about the disk of a machine, or an instant
// in its life, which only the full engine knows.
func (a *Action) NeedsDisk() bool {
	switch a.Do {
	case PowerCut, DiskFull, DiskSlow, DiskErrors, DiskLies:
		return true
	}
	return a.When != When{}
}

// problem says what is wrong with an action by itself, or "".
func (a *Action) problem() string {
	t, known := actions[a.Do]
	if !known {
		return fmt.Sprintf("%q is not something that can be done", a.Do)
	}
	for _, k := range []struct {
		key          string
		given, taken bool
		needed       bool
	}{
		{"link", a.Link != [2]string{}, t.link, true},
		{"one_way", a.OneWay, t.link, false},
		{"nodes", len(a.Nodes) > 0, t.nodes, true},
		{"node", a.Node != "", t.node, true},
		{"every", a.Every != 0, t.every, true},
		{"by", a.By != 0, t.by, true},
		{"epoch", a.OldEpoch, t.epoch, false},
		{"via", a.Via != "", t.via, true},
		{"loss", a.Loss != "", t.loss, false},
		{"when", a.When != When{}, t.when, false},
		{"probability", a.Probability != 0, t.probability, true},
		{"for", a.For != 0, t.lasts, !t.endless},
		{"certificate", a.Certificate != Certificate{}, t.certificate, false},
		{"offset or drift", a.Clock != Clock{}, t.clock, false},
	} {
		switch {
		case k.given && !k.taken:
			return fmt.Sprintf("%s takes no %s", a.Do, k.key)
		case k.taken && k.needed && !k.given:
			return fmt.Sprintf("%s needs %s", a.Do, k.key)
		}
	}
	switch {
	case a.At < 0 || a.For < 0 || a.Every < 0 || a.By < 0:
		return fmt.Sprintf("at %v, for %v, every %v, by %v: none may be negative", a.At, a.For, a.Every, a.By)
	case a.Every > 0 && a.For/a.Every > maxCount:
		return fmt.Sprintf("every %v for %v are more than %d turns", a.Every, a.For, maxCount)
	}
	if text := a.When.problem(); text != "" {
		return text
	}
	if text := a.Certificate.problem(); text != "" {
		return text
	}
	return a.Clock.problem()
}

func (w When) problem() string {
	switch {
	case w == When{}:
		return ""
	case w.Count < 1 || w.Count > maxCount:
		return fmt.Sprintf("when: count %d must be from 1 to %d", w.Count, maxCount)
	case w.Op != "" && !slices.Contains(whenOps(), w.Op):
		return fmt.Sprintf("when: op %q is none of %v", w.Op, whenOps())
	case w.Op == Frame && w.File != "":
		return "when: frames have no file"
	}
	return ""
}

func (c Clock) problem() string {
	if !(c.Drift >= -MaxDrift && c.Drift <= MaxDrift) {
		return fmt.Sprintf("drift %v must be from %v to %v", c.Drift, -MaxDrift, MaxDrift)
	}
	return ""
}
