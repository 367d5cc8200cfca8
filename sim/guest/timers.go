package guest

import (
	"reflect"
	"runtime"
	"slices"
	"time"
)

// heldTimer is a timer that a daemon has started, until it is stopped or was due.
type heldTimer struct {
	*time.Timer
	holdings *holdings
	f        func()
}

// startTimer has due called in a while, which stands for f.
func (h *holdings) startTimer(wait time.Duration, f, due func()) *heldTimer {
	t := &heldTimer{holdings: h, f: f}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.timers == nil {
		h.timers = make(map[*heldTimer]bool)
	}
	h.timers[t] = true
	t.Timer = time.AfterFunc(wait, func() {
		t.forget()
		due()
	})
	return t
}

// Stop implements transport.Timer.
func (t *heldTimer) Stop() bool {
	t.forget()
	return t.Timer.Stop()
}

func (t *heldTimer) forget() {
	t.holdings.mu.Lock()
	defer t.holdings.mu.Unlock()
	delete(t.holdings.timers, t)
}

// pendingTimers says what timers wait to do.
func (h *holdings) pendingTimers() (all []string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for t := range h.timers {
		all = append(all, "a timer for "+runtime.FuncForPC(reflect.ValueOf(t.f).Pointer()).Name())
	}
	slices.Sort(all)
	return all
}
