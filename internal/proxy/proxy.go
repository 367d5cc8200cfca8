// Package proxy carries streams and datagrams between the mesh and sockets of
// this machine (PROTOCOL section 6: tcp-server, tcp-client and the like).
//
// [Streams] and [Datagrams] do not know which of their two sides is the mesh:
// what comes in at one is passed on to a target, and the answers back.
package proxy

import (
	"context"
	"time"

	"receptor/transport"
)

// Options are what a proxy needs from its surroundings.
type Options struct {
	Clock transport.Clock
	// Problem is told of what could not be passed on. It may be called from any
	// goroutine, and must not block.
	Problem func(error)
	// MaxConnections bounds those of Streams; with 0, the constant does.
	MaxConnections int
}

// A read or an accept that fails (too many open files, usually) is tried again,
// for as long as the proxy is open, after this pause.
const retryPause = 100 * time.Millisecond

// pause reports whether d passed before ctx ended.
func pause(ctx context.Context, clock transport.Clock, d time.Duration) bool {
	due := make(chan struct{})
	timer := clock.AfterFunc(d, func() { close(due) })
	defer timer.Stop()
	select {
	case <-due:
		return true
	case <-ctx.Done():
		return false
	}
}
