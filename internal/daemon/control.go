package daemon

import (
	"crypto/tls"
	"fmt"
	"net"
	"strings"

	"receptor/control"
	"receptor/internal/config"
	"receptor/mesh"
)

func (d *Daemon) startControl() error {
	opts := control.Options{
		Clock:   d.host.Clock,
		Problem: func(err error) { d.warnScarcely(&d.control, "Control service: %v", err) },
	}
	if d.host.Tracing.Payload > 0 {
		opts.Payload = d.tracePayload
	}
	d.server = control.New(d.cfg.Node.ID, opts)
	control.RegisterMesh(d.server, d.node, control.MeshOptions{
		Info:         d.host.Info,
		Clock:        d.host.Clock,
		TLSClient:    d.tls.forNode,
		Certificates: d.certificates,
		Problems:     d.problems,
	})
	d.work.Register(d.server)
	d.server.Handle("reload", d.handleReload)
	for _, cs := range d.cfg.ControlServices {
		if err := d.startControlService(cs); err != nil {
			return fmt.Errorf("%s: control-service: %w", cs.Where, err)
		}
	}
	return nil
}

// problems are what status tells of what the node cannot do.
func (d *Daemon) problems() []string {
	if err := d.work.Available(); err != nil {
		return []string{fmt.Sprintf("%v; %s", advised(err), otherDataDir)}
	}
	if err := d.work.Problem(); err != nil {
		return []string{err.Error()}
	}
	return nil
}

// startControlService serves one item on up to three listeners: a Unix socket, a
// TCP port and a service of the mesh.
func (d *Daemon) startControlService(cs config.ControlService) error {
	if cs.Filename != "" {
		l, err := d.host.ListenUnix(cs.Filename, cs.Permissions)
		if err != nil {
			return err
		}
		d.serveControl(l)
	}
	if cs.TCPListen != "" {
		l, err := d.host.Sockets.Listen("tcp", cs.TCPListen)
		if err != nil {
			return err
		}
		if cfg := d.tls.forListener(cs.TCPTLS); cfg != nil {
			l = tls.NewListener(l, cfg)
		} else if cs.TLS != "" {
			d.log.Warningf("%s: control-service %s: tls secures the mesh service only, tcplisten %s has no TLS: want tcptls, too",
				cs.Where, cs.Service, cs.TCPListen)
		}
		d.serveControl(l)
	}
	tags := map[string]string{"type": "Control Service", featuresTag: strings.Join(d.work.Features(), ",")}
	ad := &mesh.Advertise{Tags: tags, WorkTypes: true}
	l, err := d.node.Listen(cs.Service, d.tls.forService(cs.TLS), ad)
	if err != nil {
		return err
	}
	d.serveControl(l)
	d.log.Infof("Running control service %s", cs.Service)
	return nil
}

func (d *Daemon) serveControl(l net.Listener) {
	d.serving.Go(func() {
		if err := d.server.Serve(l); err != nil {
			d.log.Debugf("Control service on %s: %v", l.Addr(), err)
		}
	})
}
