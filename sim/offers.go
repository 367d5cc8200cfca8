package sim

import (
	"slices"
	"time"

	"receptor/mesh"
	"receptor/sim/check"
	"receptor/sim/scenario"
)

// offered is a service of the workload that is, or was, on offer.
type offered struct {
	scenario.Service
	wanted  bool
	process *clock // of the process that offers it; nil: none does
	stop    func()
}

func (o *offered) name() check.Offer { return check.Offer{Node: o.Node, Name: o.Name} }

// scheduleServices sees to it that services come and go.
func (w *world) scheduleServices() {
	for _, s := range w.scenario.Services {
		w.after(s.At, func() {
			o := &offered{Service: s, wanted: true}
			w.offers = append(w.offers, o)
			w.offer(o)
			if s.For > 0 {
				w.after(s.For, func() { w.withdraw(o) })
			}
		})
	}
}

func (w *world) offer(o *offered) {
	h := w.hosts[w.index[o.Node]]
	h.handle(func() {
		if !o.wanted {
			return // withdrawn before the process came to it
		}
		ignore := func(mesh.Addr, []byte) {}
		stop, err := h.node.HandleDatagrams(o.Name, &mesh.Advertise{Tags: map[string]string{"type": "simulated"}}, ignore)
		if err != nil {
			w.report(w.now, h.id, check.RuleService, "it cannot offer %s: %v", o.Name, err)
			return
		}
		w.services.Offered(w.now, o.name())
		w.lookAtServices()
		process := h.clock
		o.process = process
		o.stop = func() {
			if process.dead {
				return
			}
			h.handle(func() {
				stop()
				o.process = nil
				w.services.Withdrawn(w.now, o.name())
				w.lookAtServices()
			})
		}
	})
}

func (w *world) withdraw(o *offered) {
	o.wanted = false
	if o.process != nil {
		o.stop()
	}
}

// offerServices offers the services of a host that has started again.
func (w *world) offerServices(h *host) {
	for _, o := range w.offers {
		if o.wanted && o.Node == h.id {
			w.offer(o)
		}
	}
}

// loseOffers takes notice of processes that have ended, and their services with
// them.
func (w *world) loseOffers() {
	for _, o := range w.offers {
		if o.process != nil && o.process.dead {
			o.process = nil
			w.services.Withdrawn(w.now, o.name())
		}
	}
}

// instant lets everything happen that happens at one time.
const instant = time.Millisecond

// lookAtServices judges, once a flood has crossed the mesh, whether a change has
// arrived everywhere.
func (w *world) lookAtServices() {
	w.after(w.situation().FloodTime()+instant, w.judgeServices)
}

func (w *world) situation() check.Situation {
	return check.NewSituation(w.convergence, w.paths, w.conditions)
}

// judgeServices judges who knows of which services, if anything can be said.
func (w *world) judgeServices() {
	// Deployed nodes do not withdraw as ours do, nor repeat on a link that comes up.
	mixed := slices.ContainsFunc(w.scenario.Nodes, isDeployed)
	if len(w.scenario.Services) == 0 || mixed || w.taint || !w.convergence.Quiet() {
		return
	}
	w.services.Judge(w.now, w.situation(), func(i int) []check.Offer { return w.hosts[i].node.(ours).services() })
}
