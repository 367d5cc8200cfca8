package full

import (
	"context"
	"errors"
	"time"
)

// errStalled is the cause of a context that watch has ended.
var errStalled = errors.New("stalled")

// watch returns a context that ends, by errStalled, once a value has been the
// same for a while of the machine's time, and what ends the watching. The verdict
// is the host's: nothing of it reaches the guest or the trace hash.
func watch(parent context.Context, patience time.Duration, value func() int64) (ctx context.Context, stop func()) {
	ctx, cancel := context.WithCancelCause(parent)
	go func() {
		const looks = 16
		ticks := time.NewTicker(patience / looks)
		defer ticks.Stop()
		last, same := value(), 0
		for {
			select {
			case <-ctx.Done():
				return
			case <-ticks.C:
			}
			if v := value(); v != last {
				last, same = v, 0
			} else if same++; same >= looks {
				cancel(errStalled)
			}
		}
	}()
	return ctx, func() { cancel(nil) }
}
