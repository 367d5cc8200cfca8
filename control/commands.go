package control

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"receptor/mesh"
	"receptor/transport"
)

// NodeInfo is what the status command tells of the machine and the program.
type NodeInfo struct {
	Version         string
	SystemCPUCount  int
	SystemMemoryMiB int
}

// MeshOptions are what the commands of RegisterMesh need beside the node.
type MeshOptions struct {
	Info NodeInfo
	// Clock bounds pings. Required.
	Clock transport.Clock
	// TLSClient returns the TLS client configuration of a name for a stream to
	// the given node, or an error if there is none. The name is not empty. Nil
	// means that the node has no such configurations.
	TLSClient func(name, node string) (*tls.Config, error)
	// Certificates returns those that the node shows to others. Nil means none.
	Certificates func() []Certificate
	// Problems returns, for a person, what the node cannot do at present. Nil means
	// nothing.
	Problems func() []string
}

// A Certificate is what status tells of one that the node shows to others. Old
// nodes do not tell, and old clients do not ask.
type Certificate struct {
	Item, Name          string // the item of the configuration: tls-server or tls-client, and its name
	File                string
	NodeIDs             []string
	NotBefore, NotAfter time.Time
	State               string // in words: valid, expires soon, expired or not yet valid, by the node's clock
}

// RegisterMesh registers the commands that need a mesh node and no more:
// status, ping, traceroute and connect (PROTOCOL section 4).
func RegisterMesh(reg Registrar, node *mesh.Node, opts MeshOptions) {
	register(reg, realNode{node}, opts)
}

// meshNode is what the commands use of a *mesh.Node.
type meshNode interface {
	ID() string
	Status() mesh.Status
	Ping(ctx context.Context, target string, hopsToLive byte) (mesh.PingReply, error)
	Dial(ctx context.Context, node, service string, cfg *tls.Config) (duplex, error)
}

// realNode is the meshNode that is not a test's.
type realNode struct{ *mesh.Node }

func (n realNode) Dial(ctx context.Context, node, service string, cfg *tls.Config) (duplex, error) {
	conn, err := n.Node.Dial(ctx, node, service, cfg)
	if err != nil {
		return nil, err
	}
	return conn, nil
}

func register(reg Registrar, node meshNode, opts MeshOptions) {
	if opts.Clock == nil {
		panic("control: MeshOptions.Clock is missing")
	}
	c := &meshCommands{node: node, opts: opts}
	reg.Handle("status", c.status)
	reg.Handle("ping", c.ping)
	reg.Handle("traceroute", c.traceroute)
	reg.Handle("connect", c.connect)
}

// meshCommands carries out the commands of RegisterMesh.
type meshCommands struct {
	node meshNode
	opts MeshOptions
}

// connect bridges the session to a stream service.
func (c *meshCommands) connect(ctx context.Context, req *Request, s Session) (any, error) {
	node, service, tlsName, err := connectTarget(req)
	if err != nil {
		return nil, err
	}
	var cfg *tls.Config
	if tlsName != "" {
		if c.opts.TLSClient == nil {
			return nil, fmt.Errorf("unknown TLS config %s: this node has no TLS client configurations", tlsName)
		}
		if cfg, err = c.opts.TLSClient(tlsName, node); err != nil {
			return nil, err
		}
	}
	remote, err := c.node.Dial(ctx, node, service, cfg)
	if err != nil {
		return nil, fmt.Errorf("connect to service %s of node %s: %w", service, node, err)
	}
	if _, err := io.WriteString(s, "Connecting\n"); err != nil {
		remote.Close()
		return nil, err
	}
	// A client that has said all it wanted may have gone: then nothing but the
	// server's end would wake what waits for a node that is silent.
	defer context.AfterFunc(ctx, func() { remote.Close() })()
	bridge(s, remote)
	return nil, nil
}

func connectTarget(req *Request) (node, service, tlsName string, err error) {
	if req.Fields == nil {
		switch args := req.Args; {
		case len(args) > 3:
			return "", "", "", errors.New("too many parameters")
		case len(args) >= 2:
			node, service = args[0], args[1]
			tlsName = strings.Join(args[2:], "")
		}
	} else {
		for _, f := range []struct {
			name, meaning string
			to            *string
		}{{"node", "target node", &node}, {"service", "target service", &service}, {"tls", "tls name", &tlsName}} {
			if *f.to, _, err = req.stringField(f.name); err != nil {
				return "", "", "", fmt.Errorf("connect %s must be string", f.meaning)
			}
		}
	}
	switch {
	case req.Fields == nil && (node == "" || service == ""):
		return "", "", "", errors.New("no connect target")
	case node == "":
		return "", "", "", errors.New("no connect target node")
	case service == "":
		return "", "", "", errors.New("no connect target service")
	}
	return node, service, tlsName, nil
}

// errTimeout is the cause of contexts that withTimeout ended.
var errTimeout = errors.New("timeout")

// withTimeout is context.WithTimeout on a clock that need not be the machine's.
func withTimeout(ctx context.Context, clock transport.Clock, d time.Duration) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(ctx)
	timer := clock.AfterFunc(d, func() { cancel(errTimeout) })
	return ctx, func() {
		timer.Stop()
		cancel(nil)
	}
}
