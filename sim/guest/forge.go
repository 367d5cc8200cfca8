package guest

import (
	"slices"
	"sync"
	"time"

	"receptor/sim/forge"
	"receptor/sim/scenario"
	"receptor/sim/seed"
	"receptor/transport"
)

// openLinks are the links that a daemon has.
type openLinks struct {
	mu   sync.Mutex
	open []transport.Link // in the order in which they began
}

func (o *openLinks) add(l transport.Link) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.open = append(o.open, l)
}

func (o *openLinks) remove(l transport.Link) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.open = slices.DeleteFunc(o.open, func(other transport.Link) bool { return other == l })
}

func (o *openLinks) all() []transport.Link {
	o.mu.Lock()
	defer o.mu.Unlock()
	return slices.Clone(o.open)
}

// forge has the machine send its peers forged frames, until the answer is called.
func (m *machine) forge(a scenario.Action) (end func()) {
	w := m.world
	f := &forge.Forger{ID: m.id, IDs: w.witness.ids, Rand: seed.Rand(w.scenario.Seed, "forge", a.String())}
	over := false
	var turn func()
	turn = func() {
		if over {
			return
		}
		faulty{w}.After(a.Every, turn)
		if m.life == nil {
			return
		}
		if links := m.life.links.all(); len(links) > 0 {
			links[f.Rand.IntN(len(links))].Send(f.Frame(time.Now()))
		}
	}
	turn()
	return func() { over = true }
}
