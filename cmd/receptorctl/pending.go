package main

import (
	"context"
	"time"
)

// watchPending tells on stderr what a unit waits for while it is pending, and
// not before it has been for as long as the app has patience. It returns a
// function that ends the watching and must be called, before stderr is used for
// anything else.
func (a *app) watchPending(ctx context.Context, unit string) (end func()) {
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		shown := ""
		for wait(ctx, a.patience) == nil {
			st, err := a.peek(ctx, unit)
			if err != nil || st.State != statePending {
				return // whoever reads the results learns of it
			}
			if st.Detail != shown {
				shown = st.Detail
				a.complain("unit %s is pending: %s", unit, shown)
			}
		}
	}()
	return func() {
		cancel()
		<-done
	}
}

// peekTime bounds one look at the state of a unit.
const peekTime = 10 * time.Second

// peek asks for the state of a unit over a connection of its own. It may be
// called from any goroutine.
func (a *app) peek(ctx context.Context, unit string) (unitState, error) {
	ctx, cancel := context.WithTimeout(ctx, peekTime)
	defer cancel()
	c, err := a.target.dial(ctx, a.getenv)
	if err != nil {
		return unitState{}, err
	}
	defer c.Close()
	defer context.AfterFunc(ctx, func() { c.Close() })()
	var st unitState
	err = ask(c, workRequest("status", unit), &st)
	return st, err
}
