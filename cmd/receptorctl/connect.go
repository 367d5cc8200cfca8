package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/pflag"

	"receptor/control"
)

func connectCommand() command {
	return command{
		name: "connect", args: "NODE SERVICE", minArgs: 2, maxArgs: 2,
		about: `Connect stdin and stdout to a stream service of a node.

The end of stdin is passed on; the command ends when the service ends the stream.
With --raw every key goes to the service, ctrl-c too: end its program to come back.
If nothing answers any more, a SIGTERM from elsewhere ends this one and restores
the terminal.`,
		setup: func(fs *pflag.FlagSet) runner {
			raw := fs.BoolP("raw", "r", false, "Set the terminal to raw mode, if stdin is one")
			tlsClient := fs.String("tls-client", "", "`NAME` of the node's TLS client configuration to connect with")
			return func(ctx context.Context, a *app, args []string) error {
				return a.connect(ctx, args[0], args[1], *tlsClient, *raw)
			}
		},
	}
}

func (a *app) connect(ctx context.Context, node, service, tlsClient string, raw bool) error {
	if raw {
		var stop func()
		ctx, stop = untilHangUp(ctx)
		defer stop()
	}
	c, err := a.open(ctx)
	if err != nil {
		return err
	}
	stream, err := c.Connect(node, service, tlsClient)
	if err != nil {
		return err
	}
	if raw {
		restore, err := rawTerminal(a.stdin)
		if err != nil {
			return err
		}
		defer func() {
			if restore() {
				a.complain("Connection to service %s of %s closed.", service, node)
			}
		}()
	}
	err = a.carry(stream)
	switch {
	case ctx.Err() != nil:
		return &exitError{exitInterrupted, errors.New("interrupted")}
	case err != nil:
		return fmt.Errorf("stream to service %s of %s: %w", service, node, err)
	}
	return nil
}

// carry copies between stdin, stdout and a stream until the service ends that.
// A service that takes no more may still have something to say.
func (a *app) carry(stream *control.Stream) error {
	// Nothing can be done about a read from a terminal that is under way when
	// the service hangs up: the goroutine ends with the program.
	stdinErr := make(chan error, 1)
	go func() {
		stdin := &source{Reader: a.stdin}
		_, err := io.Copy(stream, stdin)
		switch {
		case stdin.err != nil:
			stdinErr <- fmt.Errorf("read stdin: %w", stdin.err)
			stream.Close()
		case err == nil:
			_ = stream.CloseWrite() // if that fails, so does reading
		}
	}()
	_, err := io.Copy(a.stdout, stream)
	select {
	case first := <-stdinErr:
		return first
	default:
		return err
	}
}

// source is a reader that remembers the error that ended it.
type source struct {
	io.Reader
	err error
}

func (s *source) Read(p []byte) (int, error) {
	n, err := s.Reader.Read(p)
	if err != nil && err != io.EOF {
		s.err = err
	}
	return n, err
}
