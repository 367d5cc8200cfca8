package work

import (
	"context"
	"errors"
)

func (r *remote) cancel(ctx context.Context) (pending bool, err error) {
	return r.order(ctx, func() { r.f.extra.LocalCancelled = true }, func(s *snapshot) bool {
		return s.status.State.Terminal()
	})
}

func (r *remote) release(ctx context.Context, force bool) (pending bool, err error) {
	if !force {
		return r.order(ctx, func() { r.f.extra.LocalReleased = true }, func(*snapshot) bool { return false })
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return false, r.closedError()
	}
	if !r.gone() {
		return false, r.load().setback
	}
	return false, nil
}

// order gives an order that the remote node is to carry out, at once if it can
// be reached, and waits until the order is carried out, refused, or pending.
func (r *remote) order(ctx context.Context, give func(), done func(*snapshot) bool) (pending bool, err error) {
	seen, err := r.give(give, done)
	if err != nil {
		return false, err
	}
	ctx, stop := r.m.withTimeout(ctx, cancelWait)
	defer stop()
	s, err := r.await(ctx, func(s *snapshot) bool { return s.released || done(s) || s.setbacks > seen })
	var refused *refusal
	switch {
	case err != nil:
		return r.pending()
	case s.released:
		return r.isForgotten(), nil
	case done(s):
		return false, nil
	case errors.As(s.setback, &refused):
		return false, s.setback
	}
	return r.pending()
}

// isForgotten tells of a unit that is gone here, and not there.
func (r *remote) isForgotten() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.f.forgotten && !r.f.released
}

// pending is what is said of an order that is still to be carried out, if it
// would be after a crash.
func (r *remote) pending() (bool, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.flush()
	return r.unsaved == nil, r.unrecorded(r.unsaved)
}

// give is the part of order that requires mu. It returns the number of
// setbacks before.
func (r *remote) give(give func(), done func(*snapshot) bool) (setbacks int, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := r.load()
	switch {
	case r.closed:
		return 0, r.closedError()
	case done(s):
		return s.setbacks, nil
	}
	give()
	r.f.reachable()
	r.act()
	return s.setbacks, nil
}
