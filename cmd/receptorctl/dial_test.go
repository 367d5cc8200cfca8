package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"receptor/internal/pki/pkitest"
)

func TestParseAddress(t *testing.T) {
	for _, tt := range []struct {
		socket string
		want   address
	}{
		{"/tmp/r.sock", address{network: "unix", addr: "/tmp/r.sock"}},
		{"//tmp/r.sock", address{network: "unix", addr: "//tmp/r.sock"}},
		{"r.sock", address{network: "unix", addr: "r.sock"}},
		{"./a:b", address{network: "unix", addr: "./a:b"}},
		{"~/r.sock", address{network: "unix", addr: "/home/me/r.sock"}},
		{"unix:/tmp/r.sock", address{network: "unix", addr: "/tmp/r.sock"}},
		{"unix:///tmp/r.sock", address{network: "unix", addr: "/tmp/r.sock"}},
		{"unix:r.sock", address{network: "unix", addr: "r.sock"}},
		{"unix:~/r.sock", address{network: "unix", addr: "/home/me/r.sock"}},
		{"tcp://host:7323", address{network: "tcp", addr: "host:7323"}},
		{"tcp:host:7323", address{network: "tcp", addr: "host:7323"}},
		{"tcp://[::1]:7323", address{network: "tcp", addr: "[::1]:7323"}},
		{"tls://host:7323", address{network: "tcp", addr: "host:7323", host: "host"}},
		{"tls:[::1]:7323", address{network: "tcp", addr: "[::1]:7323", host: "::1"}},
	} {
		if got, err := parseAddress(tt.socket, "/home/me"); err != nil || got != tt.want {
			t.Errorf("%s: got %+v, %v", tt.socket, got, err)
		}
	}
	for _, socket := range []string{"unix:", "unix://", "tcp://host", "tls:", "tls://:7323", "host:1", "http://host:1"} {
		if got, err := parseAddress(socket, ""); err == nil || !strings.Contains(err.Error(), "tls://HOST:PORT") {
			t.Errorf("%s: got %+v, %v", socket, got, err)
		}
	}
}

// certificates writes those of an authority "ca", a server and a client, and
// returns where.
func certificates(t *testing.T) (file func(name string) string) {
	dir := t.TempDir()
	file = func(name string) string { return filepath.Join(dir, name) }
	authority := pkitest.NewAuthority(t, "ca", func(name string, data []byte) {
		if err := os.WriteFile(file(name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	})
	authority.Issue("server")
	authority.Issue("client", "some-node")
	return file
}

func TestTLS(t *testing.T) {
	file := certificates(t)
	pair, err := tls.LoadX509KeyPair(file("server.crt"), file("server.key"))
	if err != nil {
		t.Fatal(err)
	}
	w := &worker{results: "output\n", state: succeeded}
	n := newFakeNode(t, w.answers())
	// The client certificate is optional, but a wrong one is refused.
	pool := x509.NewCertPool()
	if ca, err := os.ReadFile(file("ca.crt")); err != nil || !pool.AppendCertsFromPEM(ca) {
		t.Fatal(err)
	}
	l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{
		Certificates: []tls.Certificate{pair}, ClientAuth: tls.VerifyClientCertIfGiven, ClientCAs: pool,
	})
	if err != nil {
		t.Fatal(err)
	}
	n.serve(l)
	socket := "tls://" + l.Addr().String()
	const version = "receptorctl  dev\nreceptor     dev\n"
	for _, tt := range []struct {
		name string
		args []string
		code int
		want string
	}{
		{"unknown CA", nil, 1, "certificate signed by unknown authority"},
		{"known CA", []string{"--rootcas", file("ca.crt")}, 0, ""},
		{"client certificate", []string{"--rootcas", file("ca.crt"), "--cert", file("client.crt"), "--key", file("client.key")}, 0, ""},
		{"accept any", []string{"--insecureskipverify"}, 0, ""},
		{"accept any, with value", []string{"--insecureskipverify", "true"}, 0, ""},
		{"accept any, Python style", []string{"--insecureskipverify", "True", "--rootcas", file("ca.crt")}, 0, ""},
		{"accept any, twice over", []string{"--insecureskipverify", "false", "--insecureskipverify"}, 0, ""},
		{"do not accept any", []string{"--insecureskipverify", "false"}, 1, "unknown authority"},
		{"do not accept any, in one word", []string{"--insecureskipverify=false"}, 1, "unknown authority"},
		{"no such CA file", []string{"--rootcas", file("none")}, 1, "--rootcas: open " + file("none")},
		{"no CA in the file", []string{"--rootcas", file("ca.key")}, 1, "ca.key: no certificates in PEM"},
		{"key without certificate", []string{"--key", file("client.key")}, 1, "--key and --cert need each other"},
		{"not its key", []string{"--cert", file("client.crt"), "--key", file("ca.key")}, 1, "--cert: " + file("client.crt")},
	} {
		t.Run(tt.name, func(t *testing.T) {
			args := append(append([]string{"--socket", socket}, tt.args...), "version")
			stdout := version
			if tt.code != 0 {
				stdout = ""
			}
			runTool(context.Background(), strings.NewReader(""), nil, args...).want(t, tt.code, stdout, tt.want)
		})
	}

	t.Run("half-close", func(t *testing.T) {
		runTool(context.Background(), strings.NewReader(""), nil, "--socket", socket, "--rootcas", file("ca.crt"),
			"work", "submit", "cat", "-f", "-l", "hello").want(t, 0, "output\n", "")
		if w.stdin != "hello\n" {
			t.Errorf("the unit got %q", w.stdin)
		}
	})
}

// The TLS client may be that of a node's configuration file, by options or by
// the environment.
func TestTLSOfConfig(t *testing.T) {
	file := certificates(t)
	pair, err := tls.LoadX509KeyPair(file("server.crt"), file("server.key"))
	if err != nil {
		t.Fatal(err)
	}
	n := newFakeNode(t, nil)
	l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{pair}, ClientAuth: tls.RequireAnyClientCert})
	if err != nil {
		t.Fatal(err)
	}
	n.serve(l)
	secure := "tls://" + l.Addr().String()
	client := "cert: " + file("client.crt") + ", key: " + file("client.key") + ", rootcas: " + file("ca.crt")
	version1, version2 := file("one.yaml"), file("two.yaml")
	for name, text := range map[string]string{
		version1: "- tls-client: {name: wrong, rootcas: none}\n- tls-client: {name: good, " + client + "}\n",
		version2: "tls-clients:\n- {name: good, " + client + "}\n",
	} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	env := func(config, client string) map[string]string {
		return map[string]string{"RECEPTORCTL_CONFIG": config, "RECEPTORCTL_TLSCLIENT": client}
	}
	for _, tt := range []struct {
		name, socket string
		args         []string
		env          map[string]string
		want         string // on stderr; "": it works
	}{
		{"version 1", secure, []string{"--config", version1, "--tls-client", "good"}, nil, ""},
		{"version 2", secure, []string{"-c", version2, "--tls-client=good"}, nil, ""},
		{"environment", secure, nil, env(version1, "good"), ""},
		{"options come first", secure, []string{"--config", version2, "--tls-client", "good"}, env(version1, "wrong"), ""},
		{"half of it", secure, []string{"--tls-client", "good"}, env(version1, "wrong"), ""},
		{"unknown name", secure, nil, env(version1, "other"), version1 + `: no tls-client has the name "other": want one of "wrong", "good"`},
		{"files of the item", secure, nil, env(version1, "wrong"), version1 + ":1: rootcas: open none"},
		{"no such file", secure, nil, env(file("none"), "good"), "--config: open " + file("none")},
		{"no name", secure, nil, env(version1, ""), "--config needs --tls-client"},
		{"no file", secure, nil, env("", "good"), "unknown authority"},
		{"both", secure, []string{"--rootcas", file("ca.crt")}, env(version1, "good"), "but not both"},
		{"both, insecure", secure, []string{"--insecureskipverify", "False"}, env(version1, "good"), "but not both"},
		{"no TLS, no need of it", n.socket, nil, env(file("none"), "good"), ""},
		{"no TLS, both", n.socket, []string{"--cert", "a", "--key", "b"}, env(version1, "good"), "but not both"},
		{"no TLS, no name", n.socket, nil, env(version1, ""), "--config needs --tls-client"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			args := append(append([]string{"--socket", tt.socket}, tt.args...), "version")
			got := runTool(t.Context(), strings.NewReader(""), tt.env, args...)
			if tt.want == "" {
				got.want(t, 0, "receptorctl  dev\nreceptor     dev\n", "")
			} else {
				got.want(t, 1, "", tt.want)
			}
		})
	}
}

func TestTCP(t *testing.T) {
	n := newFakeNode(t, nil)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	n.serve(l)
	runTool(context.Background(), strings.NewReader(""), nil, "--socket", "tcp://"+l.Addr().String(), "version").
		want(t, 0, "receptorctl  dev\nreceptor     dev\n", "")
}

// Who takes a port with TLS for one without, or the other way round, is told.
func TestTLSAdvice(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		for greeting := ""; ; greeting = "Receptor Control, node a\n" {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			if greeting != "" {
				io.WriteString(conn, greeting)
				io.Copy(io.Discard, conn) // a close before that could reset it, and lose the greeting
			}
			conn.Close()
		}
	}()
	addr := l.Addr().String()
	for _, c := range []struct{ scheme, want string }{
		{"tcp://", ": it may want TLS: then it is tls://" + addr + "\n"},
		{"tls://", ": there is no TLS at that port: want tcp://" + addr + ", or another port\n"},
	} {
		runTool(context.Background(), nil, nil, "--socket", c.scheme+addr, "version").want(t, 1, "", c.want)
	}
}
