package daemon

import (
	"context"
	"fmt"
	"io"

	"receptor/internal/config"
	"receptor/internal/proxy"
	"receptor/mesh"
)

// maxCommands bounds the commands that one command-service runs at once.
const maxCommands = 64

func (d *Daemon) startCommandServices() error {
	for _, c := range d.cfg.CommandServices {
		if err := d.startCommandService(c); err != nil {
			return fmt.Errorf("%s: command-service: %w", c.Where, err)
		}
	}
	return nil
}

func (d *Daemon) startCommandService(c config.CommandService) error {
	argv, err := config.SplitParams(c.Command)
	if err != nil {
		return err
	}
	ad := &mesh.Advertise{Tags: map[string]string{"type": "Command Service"}}
	l, err := d.node.Listen(c.Service, d.tls.forService(c.TLS), ad)
	if err != nil {
		return err
	}
	start := func(context.Context) (io.ReadWriteCloser, error) { return d.host.RunOnTerminal(argv[0], argv[1:]...) }
	name := fmt.Sprintf("command-service %s", c.Service)
	opts := d.proxyOptions(name)
	opts.MaxConnections = maxCommands
	d.startService(name, proxy.NewStreams(l, start, opts))
	return nil
}
