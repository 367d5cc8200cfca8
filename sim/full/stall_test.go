package full

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

func TestWatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var now atomic.Int64
		ctx, stop := watch(t.Context(), time.Minute, now.Load)
		defer stop()
		for range 5 { // slow, but it goes on
			time.Sleep(50 * time.Second)
			now.Add(1)
		}
		if err := context.Cause(ctx); err != nil {
			t.Errorf("while time went on: %v", err)
		}
		time.Sleep(70 * time.Second)
		if err := context.Cause(ctx); !errors.Is(err, errStalled) {
			t.Errorf("when time stood still for more than a minute: %v, want %v", err, errStalled)
		}
	})
}
