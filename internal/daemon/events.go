package daemon

import (
	"errors"
	"fmt"
	"io"

	"receptor/mesh"
	"receptor/work"
)

// meshEvent logs an event of the node, and passes on what others wait for. It
// may be called under the node's lock.
func (d *Daemon) meshEvent(e mesh.Event) {
	if tell := d.host.Tracing.Events; tell != nil {
		tell(e)
	}
	switch e := e.(type) {
	case mesh.LinkUp:
		d.dialRefused.accepted(e.Link)
		d.tellOfPeer(e.Peer, d.log.Infof, "Connection established with %s (%s, cost %v)", e.Peer, e.Link, e.Cost)
	case mesh.LinkDown:
		if e.Err == nil || errors.Is(e.Err, io.EOF) {
			d.tellOfPeer(e.Peer, d.log.Infof, "Connection with %s closed (%s)", e.Peer, e.Link)
		} else {
			d.tellOfPeer(e.Peer, d.log.Warningf, "Connection with %s lost (%s): %v", e.Peer, e.Link, explained(e.Err))
		}
	case mesh.LinkFailed:
		d.linkFailed(e)
	case mesh.LinkRefused:
		if e.Accepted {
			d.warnScarcely(&d.accepted, "Rejected connection with node %q (%s): %s", e.Peer, e.Link, e.Reason)
		} else {
			d.refusedOnce(e.Link, fmt.Sprintf("Rejected connection with node %q (%s): %s", e.Peer, e.Link, e.Reason))
		}
	case mesh.PeerChallenged:
		d.scarcely(&d.challenged, d.log.Infof, "Another node (epoch %d) claims to be %s: asked whether that is still there", e.Epoch, e.Peer)
	case mesh.DuplicateID:
		d.duplicateID(e)
	case mesh.DuplicateSuspected:
		d.warnScarcely(&d.suspected, "Node %s (epoch %d) says that another node (epoch %d) uses its ID", e.Node, e.Epoch, e.Suspect)
	case mesh.RoutesChanged:
		d.log.Debugf("Routes computed: %d nodes can be reached", e.Reachable)
		d.reach.add(true, e.Gained...)
		d.reach.add(false, e.Lost...)
		d.topology.changed()
	case mesh.NodeForgotten:
		d.scarcely(&d.forgotten, d.log.Infof, "Node %s has not been reachable for long and is forgotten", e.Node)
	case mesh.ServiceChanged:
		d.log.Debugf("Service %s of node %s: withdrawn=%v", e.Service, e.Node, e.Withdrawn)
		if e.Service == controlService && !e.Withdrawn {
			d.reach.add(true, e.Node)
		}
		d.topology.changed()
	case mesh.FrameDropped:
		d.frameDropped(e)
	case mesh.Differed:
		if e.Repaired {
			d.log.Debugf("Peer %s did not know all of the mesh that is known here: it was told again", e.Peer)
		}
	case mesh.Unheeded:
		d.warnScarcely(&d.unheeded, "Peer %s says again and again that it knows something else of the mesh than this node, whatever it is told, and is told more rarely: "+
			"if its link is not a very bad one, restart it, and if that does not help, end the link", e.Peer)
	case mesh.UpdateAccepted:
		d.log.Debugf("Routing update %d of %s by %s", e.Sequence, e.Node, e.From)
	case mesh.DatagramDropped:
		if e.Rule != 0 {
			d.log.Debugf("Dropped a datagram to service %s: %s, rule %d", e.Header.ToService, e.Reason, e.Rule)
		} else {
			d.log.Debugf("Dropped a datagram to service %s: %s", e.Header.ToService, e.Reason)
		}
	case mesh.StreamRefused:
		d.warnScarcely(&d.refused, "Stream between service %s here and %s:%s: %v", e.Local.Service, e.Remote.Node, e.Remote.Service, e.Err)
	case mesh.UnreachReceived:
		d.log.Debugf("Node %s reports: %s:%s to %s:%s: %s", e.ReportedBy, e.FromNode, e.FromService, e.ToNode, e.ToService, e.Problem)
	}
}

// tellOfPeer logs a line about links with a peer: one that makes and breaks them as
// fast as it can is to fill no log, and hide none of the others.
func (d *Daemon) tellOfPeer(peer string, logf func(format string, args ...any), format string, args ...any) {
	d.scarcely(d.peers.of(peer, d.host.Clock.Now()), logf, format, args...)
}

func (d *Daemon) linkFailed(e mesh.LinkFailed) {
	switch {
	case e.Err == nil:
	case e.Accepted: // anybody can make one, as often as it likes
		d.warnScarcely(&d.accepted, "Connection not established (%s): %v", e.Link, explained(e.Err))
	case e.Err == mesh.ErrRejected:
		d.refusedOnce(e.Link, fmt.Sprintf("Connection not established (%s): %v, and its log says why", e.Link, e.Err))
	case errors.Is(e.Err, mesh.ErrRejected):
		d.refusedOnce(e.Link, fmt.Sprintf("Connection not established (%s): %v", e.Link, e.Err))
	default: // dialers pause, and their lines are all wanted
		d.log.Warningf("Connection not established (%s): %v", e.Link, explained(e.Err))
	}
}

// refusedOnce logs that a link which this node dials is refused, unless that is the
// last that the log has of it.
func (d *Daemon) refusedOnce(link, line string) {
	if d.dialRefused.isNew(link, line) {
		d.log.Warningf("%s (it is dialled again, ever more rarely, and not logged again until something changes)", line)
	}
}

func (d *Daemon) frameDropped(e mesh.FrameDropped) {
	from := "a peer"
	switch {
	case e.Peer != "":
		from = fmt.Sprintf("peer %q", e.Peer)
	case e.Link != "":
		from = e.Link
	}
	d.warnScarcely(&d.dropped, "Dropped a frame from %s: %v", from, e.Err)
}

func (d *Daemon) duplicateID(e mesh.DuplicateID) {
	if !e.Leaving {
		d.scarcely(&d.duplicates, d.log.Errorf, "Another node uses this node's ID %s (epoch %d, heard from %s): give one of them another ID", e.ID, e.OtherEpoch, e.From)
		return
	}
	d.fail(&DuplicateIDError{ID: e.ID})
}

// workEvent logs an event of a unit of work. It may be called under locks of
// the manager.
func (d *Daemon) workEvent(e work.Event) {
	switch e := e.(type) {
	case work.UnitChanged:
		d.log.Debugf("Unit %s: %s: %s", e.Unit, e.State, e.Detail)
	case work.UnitReleased:
		d.log.Debugf("Unit %s released", e.Unit)
	case work.UnitForgotten:
		d.log.Warningf("Unit %s is forgotten: node %s has not released it for too long, and is still told to", e.Unit, e.Node)
	case work.UnitUnreadable:
		what := "left alone"
		if e.Again {
			what = "tried again"
		}
		d.log.Warningf("Unit %s cannot be used and is %s: %v", e.Unit, what, e.Err)
	case work.UnitsUnavailable:
		d.log.Errorf("Units of work are not available, and none is taken, until the datadir of this node, %s, can be used: %v; %s",
			d.cfg.Node.DataDir, advised(e.Err), otherDataDir)
	case work.UnitsAvailable:
		d.log.Infof("Units of work are available")
	case work.SpaceShort:
		d.warnScarcely(&d.space, "Units of work: no space for more of them, of their input and of their output: %v", e.Err)
	case work.SpaceEnough:
		d.scarcely(&d.space, d.log.Infof, "Units of work: there is space again")
	case work.JournalDamaged:
		d.log.Errorf("Units of work: %v", e.Err)
	case work.UnitProblem:
		d.warnScarcely(&d.units, "Unit %s: %v", e.Unit, advisedOnFiles(e.Err)) // a client may cause them
	case work.RemoteProblem:
		d.log.Warningf("Unit %s on node %s: %v", e.Unit, e.Node, e.Err)
	}
}
