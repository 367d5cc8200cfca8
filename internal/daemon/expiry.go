package daemon

import (
	"maps"
	"slices"
	"sync"
	"time"

	"receptor/control"
	"receptor/internal/pki"
	"receptor/transport"
)

// shown returns the certificates that the node shows to others, servers first,
// each kind by name.
func (t *tlsConfigs) shown() []pki.Certificate {
	var certs []pki.Certificate
	for _, name := range slices.Sorted(maps.Keys(t.servers)) {
		certs = append(certs, t.servers[name].Certificate())
	}
	for _, name := range slices.Sorted(maps.Keys(t.clients)) {
		if cert, ok := t.clients[name].Certificate(); ok {
			certs = append(certs, cert)
		}
	}
	return certs
}

// certificates are for the status of the node.
func (d *Daemon) certificates() []control.Certificate {
	var certs []control.Certificate
	now := d.host.Clock.Now()
	for _, c := range d.tls.shown() {
		certs = append(certs, control.Certificate{
			Item: c.Item, Name: c.Name, File: c.File, NodeIDs: c.NodeIDs,
			NotBefore: c.NotBefore, NotAfter: c.NotAfter, State: c.State(now),
		})
	}
	return certs
}

// warnExpiry is for certificates that grow old while the node runs; package pki
// warns of those that are read.
func (d *Daemon) warnExpiry() {
	now := d.host.Clock.Now()
	for _, c := range d.tls.shown() {
		if err := c.Check(now); err != nil {
			d.warn(err)
		}
	}
}

// daily calls a function once a day, from a day after its start until its stop.
type daily struct {
	mu    sync.Mutex
	timer transport.Timer // nil unless it runs
}

func (d *daily) start(clock transport.Clock, f func()) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.arm(clock, f)
}

// arm requires mu.
func (d *daily) arm(clock transport.Clock, f func()) {
	d.timer = clock.AfterFunc(24*time.Hour, func() {
		f()
		d.mu.Lock()
		defer d.mu.Unlock()
		if d.timer != nil {
			d.arm(clock, f)
		}
	})
}

func (d *daily) stop() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.timer != nil {
		d.timer.Stop()
		d.timer = nil
	}
}
