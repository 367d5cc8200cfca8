package sim

import "receptor/mesh/wire"

// probeSent looks at a data frame that a node puts on a wire.
func (w *world) probeSent(node int, frame []byte) {
	if d, err := wire.ParseData(frame); err == nil && d.FromNode == wire.HashNode(w.ids[node]) {
		w.probes.Sent(d.Header)
	}
}

// probeArrived looks at a control frame that reaches a node.
func (w *world) probeArrived(node int, frame []byte) {
	if len(frame) == 0 || wire.Type(frame[0]) != wire.TypeRouting {
		return
	}
	k, ok := wire.PeekRouting(frame)
	if !ok {
		return
	}
	if subject, exists := w.index[string(k.NodeID)]; exists {
		epoch, sequence := w.updates.Newest(node, subject)
		w.probes.Arrived(k.Epoch, k.Sequence, epoch, sequence)
	}
}

// interruptEvery is how many events pass between two questions whether to give
// up.
const interruptEvery = 1024

// asked reports whether the run is to be given up.
func (w *world) asked() bool {
	if w.interrupt != nil && w.trace.events%interruptEvery == 0 && w.interrupt(w.now) {
		w.interrupted = true
	}
	return w.interrupted
}
