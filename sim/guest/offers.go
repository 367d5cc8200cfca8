package guest

import (
	"time"

	"receptor/mesh"
	"receptor/sim/check"
	"receptor/sim/scenario"
)

// offers are the services of the workload. All of it is guarded by the mutex acting
// of the world.
type offers struct {
	witness *witness
	check   *check.Services
	list    []*offered
}

// offered is a service that is, or was, on offer.
type offered struct {
	scenario.Service
	wanted bool
	life   *incarnation // of the daemon that offers it; nil: none does
	stop   func()
}

func (o *offered) name() check.Offer { return check.Offer{Node: o.Node, Name: o.Name} }

// playServices sees to it that services come and go.
func (w *world) playServices() {
	for _, s := range w.scenario.Services {
		faulty{w}.After(s.At, func() {
			o := &offered{Service: s, wanted: true}
			w.offers.list = append(w.offers.list, o)
			w.offers.offer(o)
			if s.For > 0 {
				faulty{w}.After(s.For, func() { w.offers.withdraw(o) })
			}
		})
	}
}

// offer offers a service, if a daemon is there to do that.
func (s *offers) offer(o *offered) {
	m := s.witness.world.machines[o.Node]
	if !o.wanted || o.life != nil || !m.serves() {
		return
	}
	life := m.life
	life.own()
	defer disown()
	ignore := func(mesh.Addr, []byte) {}
	stop, err := life.node.HandleDatagrams(o.Name, &mesh.Advertise{Tags: map[string]string{"type": "simulated"}}, ignore)
	if err != nil {
		s.witness.report(s.witness.now(), o.Node, check.RuleService, "it cannot offer %s: %v", o.Name, err)
		return
	}
	o.life, o.stop = life, stop
	s.check.Offered(s.witness.now(), o.name())
	s.lookSoon()
}

// withdraw ends a service, of which a daemon that is paused tells when it goes on.
func (s *offers) withdraw(o *offered) {
	o.wanted = false
	if o.life == nil || o.life.machine.life != o.life {
		return
	}
	o.life.own()
	defer disown()
	o.stop()
	o.life = nil
	s.check.Withdrawn(s.witness.now(), o.name())
	s.lookSoon()
}

// renew takes notice of daemons that have ended, and their services with them, and has
// those offer theirs that have started.
func (s *offers) renew() {
	for _, o := range s.list {
		if o.life != nil && o.life.machine.life != o.life {
			o.life = nil
			s.check.Withdrawn(s.witness.now(), o.name())
		}
		s.offer(o)
	}
}

// lookSoon judges, once a flood has crossed the mesh, whether a change has arrived
// everywhere.
func (s *offers) lookSoon() {
	const instant = time.Millisecond
	faulty{s.witness.world}.After(s.witness.situation().FloodTime()+instant, s.judge)
}

func (v *witness) situation() check.Situation {
	return check.NewSituation(v.convergence, v.paths, v.conditions)
}

// judge judges who knows of which services, if anything can be said.
func (s *offers) judge() {
	v := s.witness
	if v.dismissed || len(v.world.scenario.Services) == 0 || v.doubts.Tainted || v.doubts.Deployed || !v.convergence.Quiet() {
		return
	}
	s.check.Judge(v.now(), v.situation(), func(i int) (known []check.Offer) {
		v.world.machines[v.ids[i]].life.node.(ours).Inspect(func(view mesh.View) {
			for node, service := range view.Services() {
				if service != controlName && service != streamService && service != secureService { // which are the daemon's own
					known = append(known, check.Offer{Node: node, Name: service})
				}
			}
		})
		return known
	})
}
