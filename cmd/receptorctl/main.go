// Command receptorctl talks to the control service of a node from a terminal
// (PROTOCOL sections 4 and 8).
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// Whoever is not obeyed at once can insist.
	context.AfterFunc(ctx, stop)
	if !signal.Ignored(syscall.SIGHUP) { // by nohup
		// With its terminal the program may get this several times, so it is never
		// given back: a unit whose payload is being sent has to be cancelled first.
		ctx, _ = signal.NotifyContext(ctx, syscall.SIGHUP)
	}
	code := run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr, os.Getenv)
	os.Exit(code)
}
