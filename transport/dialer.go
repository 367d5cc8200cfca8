package transport

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"
)

// dialTimeout bounds one attempt to connect, with its handshakes.
const dialTimeout = 15 * time.Second

// DialOptions are what dialers of every kind take.
type DialOptions struct {
	// Redial says whether to dial again when the link ends or cannot be made.
	Redial bool
	// Clock and Rand set the pauses between; Rand is used by one dialer alone.
	Clock Clock
	Rand  *rand.Rand
	// Warn is told of dials that fail.
	Warn func(error)
}

// Dialer keeps a link to one peer up. It implements Backend for any kind of
// link, given how to connect.
type Dialer struct {
	name     string
	opts     DialOptions
	connect  func(context.Context) (Runner, error)
	accept   Acceptor
	redialer *Redialer
	cancel   context.CancelFunc
	links    LinkSet
}

// NewDialer returns a backend that gets its link from connect, which may block
// until its context ends. name is for a person: the kind and address of the
// peer; errors of connect are reported with it.
func NewDialer(name string, opts DialOptions, connect func(context.Context) (Runner, error)) *Dialer {
	d := &Dialer{name: name, opts: opts, connect: connect}
	ctx, cancel := context.WithCancel(context.Background())
	d.cancel = cancel
	d.redialer = NewRedialer(opts.Clock, opts.Rand, func(ended func(Outcome)) {
		if !opts.Redial {
			ended = func(Outcome) {}
		}
		d.links.Go(func() { d.dial(ctx, ended) })
	})
	return d
}

// Start implements Backend.
func (d *Dialer) Start(accept Acceptor) error {
	d.accept = accept
	d.redialer.Start()
	return nil
}

func (d *Dialer) dial(ctx context.Context, ended func(Outcome)) {
	link, err := d.connectInTime(ctx)
	if err != nil {
		if ctx.Err() == nil {
			d.opts.Warn(fmt.Errorf("%s: %w", d.name, err))
			ended(Failed)
		}
		return
	}
	d.links.Run(link, d.accept, func(r Receiver) { ended(OutcomeOf(r)) })
}

var errDialTimeout = fmt.Errorf("no connection within %v", dialTimeout)

func (d *Dialer) connectInTime(ctx context.Context) (Runner, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	timer := d.opts.Clock.AfterFunc(dialTimeout, func() { cancel(errDialTimeout) })
	defer timer.Stop()
	link, err := d.connect(ctx)
	if err != nil && errors.Is(context.Cause(ctx), errDialTimeout) {
		err = errDialTimeout
	}
	return link, err
}

// Redial dials at once if the dialer waits before the next dial.
func (d *Dialer) Redial() { d.redialer.Again() }

// Close implements Backend.
func (d *Dialer) Close() {
	d.redialer.Close()
	d.cancel()
	d.links.Close()
}

// String implements Backend.
func (d *Dialer) String() string { return d.name }
