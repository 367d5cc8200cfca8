package sim

import (
	"time"

	"receptor/mesh"
	"receptor/sim/belief"
	"receptor/sim/check"
	"receptor/sim/deployed"
	"receptor/sim/scenario"
	"receptor/transport"
)

// node is what a world has of a node, whoever's it is.
type node interface {
	Attach(link transport.Link, opts mesh.LinkOptions) transport.Receiver
	HandleDatagrams(service string, ad *mesh.Advertise, f func(from mesh.Addr, payload []byte)) (stop func(), err error)
	SendDatagram(fromService string, to mesh.Addr, payload []byte, hops byte) error
	PingAsync(target string, hopsToLive byte, timeout time.Duration, done func(mesh.PingReply, error))
	Close()

	// believes lets a checker look at the node's database and routes.
	believes(look func(check.State))
}

// newNode makes a node of one kind.
func newNode(kind scenario.NodeKind, c mesh.Config) (node, error) {
	if kind == scenario.KindDeployed {
		n, err := deployed.New(deployed.Config{ID: c.ID, Clock: c.Clock, Rand: c.Rand, Events: c.Events})
		return theirs{n}, err
	}
	n, err := mesh.New(c)
	return ours{n}, err
}

func isDeployed(n scenario.Node) bool { return n.Kind == scenario.KindDeployed }

// ours is a node of this project.
type ours struct{ *mesh.Node }

func (n ours) believes(look func(check.State)) {
	n.Inspect(func(v mesh.View) { look(belief.Ours{View: v}) })
}

// theirs is a model of a deployed node.
type theirs struct{ *deployed.Node }

func (n theirs) believes(look func(check.State)) { look(belief.Deployed{Status: n.Status()}) }

// services returns what the node knows of services.
func (n ours) services() (known []check.Offer) {
	n.Inspect(func(v mesh.View) {
		for id, service := range v.Services() {
			known = append(known, check.Offer{Node: id, Name: service})
		}
	})
	return known
}
