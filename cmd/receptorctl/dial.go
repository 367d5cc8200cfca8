package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/pflag"

	"receptor/control"
)

// greetTimeout bounds connecting, TLS and the greeting of the node.
const greetTimeout = 15 * time.Second

// target is where the control service is and how to talk to it, from the
// options that stand before the command.
type target struct {
	socket string
	tls    tlsOptions
}

func (t *target) register(flags *pflag.FlagSet) {
	flags.StringVar(&t.socket, "socket", "",
		"Control socket at `ADDRESS`: unix:PATH or just the path, tcp://HOST:PORT or tls://HOST:PORT [env RECEPTORCTL_SOCKET]")
	t.tls.register(flags)
}

// parse parses the options before the command and returns what follows. What
// is not given is taken from the environment.
func (t *target) parse(flags *pflag.FlagSet, args []string, getenv func(string) string) ([]string, error) {
	args, err := t.tls.parse(flags, args)
	if err != nil {
		return nil, err
	}
	for _, option := range []struct {
		value *string
		name  string
	}{{&t.socket, "RECEPTORCTL_SOCKET"}, {&t.tls.config, "RECEPTORCTL_CONFIG"}, {&t.tls.client, "RECEPTORCTL_TLSCLIENT"}} {
		if *option.value == "" {
			*option.value = getenv(option.name)
		}
	}
	return args, nil
}

// address is a parsed socket option.
type address struct {
	network string // unix or tcp
	addr    string // path or host:port
	host    string // for tls only: whom the certificate must name
}

func parseAddress(socket, home string) (address, error) {
	bad := func(why string) (address, error) {
		return address{}, fmt.Errorf("socket address %q: %s; it should be unix:PATH, a path, tcp://HOST:PORT or tls://HOST:PORT", socket, why)
	}
	scheme, rest, found := strings.Cut(socket, ":")
	if found && !strings.Contains(scheme, "/") {
		rest = strings.TrimPrefix(rest, "//")
	} else {
		scheme, rest = "unix", socket
	}
	switch scheme {
	case "unix":
		if rest == "" {
			return bad("the path is missing")
		}
		if below, ok := strings.CutPrefix(rest, "~/"); ok && home != "" {
			rest = filepath.Join(home, below)
		}
		return address{network: "unix", addr: rest}, nil
	case "tcp", "tls":
		host, _, err := net.SplitHostPort(rest)
		if err != nil {
			return bad(err.Error())
		}
		a := address{network: "tcp", addr: rest}
		if scheme == "tls" {
			if host == "" { // of no host, and so of none that a certificate could name
				return bad("the host is missing")
			}
			a.host = host
		}
		return a, nil
	}
	return bad(fmt.Sprintf("unknown kind %q", scheme))
}

// dial connects and reads the greeting; ctx can end that, but not the
// connection that comes out.
func (t *target) dial(ctx context.Context, getenv func(string) string) (*control.Client, error) {
	socket := t.socket
	if socket == "" {
		return nil, errors.New("which node? Give its control socket with --socket (before the command) or in RECEPTORCTL_SOCKET")
	}
	addr, err := parseAddress(socket, getenv("HOME"))
	if err != nil {
		return nil, err
	}
	cfg, err := t.tls.forHost(addr.host)
	if err != nil {
		return nil, err
	}
	deadline := time.Now().Add(greetTimeout)
	dialer := net.Dialer{Deadline: deadline}
	conn, err := dialer.DialContext(ctx, addr.network, addr.addr)
	if err != nil {
		return nil, fmt.Errorf("cannot reach the control socket %s: %w: %s", socket, err, advice(err))
	}
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	defer stop()
	if err := conn.SetDeadline(deadline); err != nil {
		conn.Close()
		return nil, fmt.Errorf("control socket %s: %w", socket, err)
	}
	if cfg != nil {
		conn = tls.Client(conn, cfg)
	}
	client, _, err := control.NewClient(conn)
	if err == nil {
		err = conn.SetDeadline(time.Time{})
	}
	if err != nil {
		conn.Close()
		return nil, fmt.Errorf("control socket %s: %w%s", socket, err, addr.tlsAdvice(err))
	}
	return client, nil
}

// tlsAdvice says what may be wrong if there is no greeting: of a service that waits
// for TLS nothing comes, until it hangs up.
func (a address) tlsAdvice(err error) string {
	var noTLS tls.RecordHeaderError
	switch {
	case errors.As(err, &noTLS):
		return ": there is no TLS at that port: want tcp://" + a.addr + ", or another port"
	case a.network == "tcp" && a.host == "" && (errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, os.ErrDeadlineExceeded)):
		return ": it may want TLS: then it is tls://" + a.addr
	}
	return ""
}

// advice says what to check after a dial error.
func advice(err error) string {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "check that the node runs and that its control-service has this filename"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "nobody listens there; check that the node runs"
	case errors.Is(err, fs.ErrPermission):
		return "check the permissions of the socket and who owns it"
	}
	return "check the address and that the node runs"
}
