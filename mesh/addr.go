package mesh

import (
	"errors"
	"fmt"
	"strings"

	"receptor/mesh/wire"
)

// localhost names the own node, in any case (PROTOCOL section 2.1).
const localhost = "localhost"

// Addr is the address of a service on a node. It implements net.Addr.
type Addr struct{ Node, Service string }

// Network implements net.Addr.
func (Addr) Network() string { return "mesh" }

// String implements net.Addr.
func (a Addr) String() string { return a.Node + ":" + a.Service }

// ErrNoRoute reports that no path leads to a node at present.
var ErrNoRoute = errors.New("no route to node")

// ErrTLS reports that the ends of a stream do not believe each other.
var ErrTLS = errors.New("TLS handshake failed")

// ErrClosed reports the use of a node or service that has been closed.
var ErrClosed = errors.New("closed")

// UnreachableError is a report from the mesh that a datagram failed.
type UnreachableError struct {
	// Problem is one of the texts of PROTOCOL section 2.1.
	Problem string
	// ReportedBy is the node where it failed.
	ReportedBy string
}

// Error implements error.
func (e *UnreachableError) Error() string { return e.Problem }

// nodeID replaces localhost by the node's own ID.
func (n *Node) nodeID(id string) string {
	if strings.EqualFold(id, localhost) {
		return n.id
	}
	return id
}

// resolve checks a destination.
func (n *Node) resolve(to Addr) (id string, service wire.Service, err error) {
	id = n.nodeID(to.Node)
	if err := wire.CheckNodeID(id); err != nil {
		return "", service, err
	}
	service, err = wire.ParseService(to.Service)
	if err != nil {
		return "", service, fmt.Errorf("address %s: %w", to, err)
	}
	return id, service, nil
}
