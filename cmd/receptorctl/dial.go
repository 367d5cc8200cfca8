package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strconv"
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
	socket   string
	rootCAs  string
	key      string
	cert     string
	insecure optionalBool
}

// optionalBool is an option that may stand alone or have a value, also in the
// next argument: that is how the Python receptorctl wants it.
type optionalBool struct {
	value bool
	bare  bool // it stood alone
}

const bareValue = "bare"

func (b *optionalBool) String() string { return strconv.FormatBool(b.value) }
func (b *optionalBool) Type() string   { return "bool" }

func (b *optionalBool) Set(s string) error {
	value, err := true, error(nil)
	if s != bareValue {
		value, err = strconv.ParseBool(strings.ToLower(s))
	}
	if err != nil {
		return fmt.Errorf("%q should be true or false", s)
	}
	b.value, b.bare = value, s == bareValue
	return nil
}

func (t *target) register(flags *pflag.FlagSet) {
	flags.StringVar(&t.socket, "socket", "",
		"Control socket at `ADDRESS`: unix:PATH or just the path, tcp://HOST:PORT or tls://HOST:PORT [env RECEPTORCTL_SOCKET]")
	flags.StringVar(&t.rootCAs, "rootcas", "", "`FILE` with the CA certificates to trust instead of the system's, for tls://")
	flags.StringVar(&t.key, "key", "", "`FILE` with the private key of the client certificate, for tls://")
	flags.StringVar(&t.cert, "cert", "", "`FILE` with the client certificate, for tls://")
	flags.Var(&t.insecure, "insecureskipverify", "Accept any certificate of the node, for tls://")
	flags.Lookup("insecureskipverify").NoOptDefVal = bareValue
}

// parse parses the options before the command and returns what follows.
func (t *target) parse(flags *pflag.FlagSet, args []string) ([]string, error) {
	for {
		t.insecure.bare = false
		if err := flags.Parse(args); err != nil {
			return nil, err
		}
		args = flags.Args()
		if !t.insecure.bare || len(args) == 0 || t.insecure.Set(args[0]) != nil {
			return args, nil
		}
		args = args[1:]
	}
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
		socket = getenv("RECEPTORCTL_SOCKET")
	}
	if socket == "" {
		return nil, errors.New("which node? Give its control socket with --socket (before the command) or in RECEPTORCTL_SOCKET")
	}
	addr, err := parseAddress(socket, getenv("HOME"))
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
	if addr.host != "" {
		cfg, err := t.tlsConfig(addr.host)
		if err != nil {
			conn.Close()
			return nil, err
		}
		conn = tls.Client(conn, cfg)
	}
	client, _, err := control.NewClient(conn)
	if err == nil {
		err = conn.SetDeadline(time.Time{})
	}
	if err != nil {
		conn.Close()
		return nil, fmt.Errorf("control socket %s: %w", socket, err)
	}
	return client, nil
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

func (t *target) tlsConfig(host string) (*tls.Config, error) {
	cfg := &tls.Config{ServerName: host, MinVersion: tls.VersionTLS12, InsecureSkipVerify: t.insecure.value}
	if t.rootCAs != "" {
		pem, err := os.ReadFile(t.rootCAs)
		if err != nil {
			return nil, fmt.Errorf("--rootcas: %w", err)
		}
		cfg.RootCAs = x509.NewCertPool()
		if !cfg.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("--rootcas: %s has no PEM certificate", t.rootCAs)
		}
	}
	if (t.key == "") != (t.cert == "") {
		return nil, errors.New("--key and --cert need each other")
	}
	if t.key != "" {
		pair, err := tls.LoadX509KeyPair(t.cert, t.key)
		if err != nil {
			return nil, fmt.Errorf("--cert %s, --key %s: %w", t.cert, t.key, err)
		}
		cfg.Certificates = []tls.Certificate{pair}
	}
	return cfg, nil
}
