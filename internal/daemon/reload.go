package daemon

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"receptor/control"
	"receptor/internal/config"
)

// Codes of ReloadError, by which clients tell what to do (PROTOCOL section 4).
const (
	// needsRestart: an item that only a restart changes was changed, added or
	// removed.
	needsRestart = 3
	// notApplied: the file has mistakes, or what it says cannot be done.
	notApplied = 4
)

// ReloadError says why a reload changed nothing.
type ReloadError struct {
	Code int
	Err  error
}

// Error implements error.
func (e *ReloadError) Error() string { return fmt.Sprintf("%v ERRORCODE %d", e.Err, e.Code) }

// Unwrap returns Err.
func (e *ReloadError) Unwrap() error { return e.Err }

var (
	errNoFile = errors.New("no configuration file was provided: this node was started by its command line alone, want a restart")
	errClosed = errors.New("the node is stopping")
)

// Reload reads the configuration again and changes the backends that are not as
// before; links of all others stay up. An error, which is a *ReloadError, leaves
// the node as it was. Reload waits for one that is under way.
func (d *Daemon) Reload() error {
	d.reloading.Lock()
	defer d.reloading.Unlock()
	d.log.Debugf("Reloading")
	if err := d.reload(); err != nil {
		d.log.Warningf("Reload not successful: %s", strings.ReplaceAll(err.Err.Error(), "\n", "; "))
		return err
	}
	return nil
}

func (d *Daemon) reload() *ReloadError {
	switch {
	case d.closed:
		return &ReloadError{notApplied, errClosed}
	case d.host.Reload == nil:
		return &ReloadError{notApplied, errNoFile}
	}
	cfg, err := d.host.Reload()
	if err != nil {
		return &ReloadError{notApplied, err}
	}
	same, err := config.Diff(d.cfg, cfg)
	if err != nil {
		return &ReloadError{needsRestart, err}
	}
	if err := d.change(cfg, same); err != nil {
		return &ReloadError{notApplied, advised(err)}
	}
	return nil
}

// handleReload carries out the reload command.
func (d *Daemon) handleReload(context.Context, *control.Request, control.Session) (any, error) {
	if err := d.Reload(); err != nil {
		return map[string]any{"Success": false, "Error": err.Error()}, nil
	}
	return map[string]any{"Success": true}, nil
}

// change makes the backends those of cfg; same is what config.Diff returns.
//
// What can fail without touching anything comes first: listeners on ports that
// nobody has. Then what is gone is closed, and what takes its place is started.
// Should that fail, what was closed is started again.
func (d *Daemon) change(cfg *config.Config, same []int) error {
	next := make([]runningBackend, len(same))
	kept := make(map[int]bool)
	for i, item := range cfg.Backends() {
		next[i].item = item
		if j := same[i]; j >= 0 && d.backends[j].Backend != nil {
			next[i].Backend = d.backends[j].Backend
			kept[j] = true
		}
	}
	var gone []int
	for j := range d.backends {
		if !kept[j] {
			gone = append(gone, j)
		}
	}
	waits := func(item config.Item) bool {
		return !item.Listens() || slices.ContainsFunc(gone, func(j int) bool { return config.SamePort(item, d.backends[j].item) })
	}
	started, err := d.startMissing(next, func(item config.Item) bool { return !waits(item) })
	if err != nil {
		closeBackends(started)
		return err
	}
	d.stop(gone)
	more, err := d.startMissing(next, waits)
	if err != nil {
		closeBackends(slices.Concat(started, more))
		return errors.Join(err, d.restore(gone))
	}
	cfg.Node = d.cfg.Node // the machine may have another name by now, the node has not
	d.cfg, d.backends = cfg, next
	d.dialAgain()
	d.log.Infof("Configuration reloaded: %d backends as before, %d stopped, %d started", len(kept), len(gone), len(started)+len(more))
	return nil
}

// dialAgain has dialers that went on as before dial at once, if they wait: what was in
// their way may be why there was a reload.
func (d *Daemon) dialAgain() {
	d.dialRefused.forget()
	for _, b := range d.backends {
		if r, dials := b.Backend.(interface{ Redial() }); dials {
			r.Redial()
		}
	}
}

// startMissing starts those of the backends that do not run and are wanted now,
// and returns those it has started, also beside an error.
func (d *Daemon) startMissing(backends []runningBackend, now func(config.Item) bool) (started []runningBackend, err error) {
	for i := range backends {
		b := &backends[i]
		if b.Backend != nil || !now(b.item) {
			continue
		}
		if b.Backend, err = d.startBackend(b.item); err != nil {
			return started, err
		}
		started = append(started, *b)
	}
	return started, nil
}

// stop closes backends of the daemon, by index.
func (d *Daemon) stop(indexes []int) {
	var stopped []runningBackend
	for _, j := range indexes {
		b := &d.backends[j]
		if b.Backend != nil {
			d.log.Infof("Stopping %s", b)
			stopped = append(stopped, *b)
			b.Backend = nil
		}
	}
	closeBackends(stopped)
}

// restore starts backends again that stop has closed. What cannot be started
// stays away until a reload succeeds; the errors say so.
func (d *Daemon) restore(indexes []int) error {
	var errs []error
	for _, j := range indexes {
		b, err := d.startBackend(d.backends[j].item)
		if err != nil {
			errs = append(errs, fmt.Errorf("and what ran before cannot be started again: %w", err))
			continue
		}
		d.backends[j].Backend = b
	}
	return errors.Join(errs...)
}

// closeBackends closes backends at one time: each waits for its peers a while.
func closeBackends(backends []runningBackend) {
	var closing sync.WaitGroup
	for _, b := range backends {
		if b.Backend != nil {
			closing.Go(b.Close)
		}
	}
	closing.Wait()
}
