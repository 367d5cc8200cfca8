//go:build linux

package daemon_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// nginxConf is a reverse proxy that routes by path, on one port without TLS and
// on another one where it ends TLS.
const nginxConf = `
daemon off;
master_process off;
pid DIR/nginx.pid;
error_log stderr notice;
events {}
http {
    access_log off;
    client_body_temp_path DIR/body;
    proxy_temp_path DIR/proxy;
    fastcgi_temp_path DIR/fastcgi;
    uwsgi_temp_path DIR/uwsgi;
    scgi_temp_path DIR/scgi;
    map $http_upgrade $connection_upgrade {
        default upgrade;
        ''      close;
    }
    server {
        listen 127.0.0.1:PLAIN;
        listen 127.0.0.1:SECURE ssl;
        ssl_certificate DIR/proxy.crt;
        ssl_certificate_key DIR/proxy.key;
        proxy_http_version 1.1;
        proxy_set_header Host $http_host;
        proxy_set_header Upgrade $http_upgrade;
        proxy_set_header Connection $connection_upgrade;
        location /mesh/a { proxy_pass http://127.0.0.1:PORT_A; proxy_read_timeout 15s; }
        location /mesh/b { proxy_pass http://127.0.0.1:PORT_B; proxy_read_timeout 15s; }
        location /mesh/impatient { proxy_pass http://127.0.0.1:PORT_I; proxy_read_timeout 1s; }
    }
}
`

// TestNginx has nodes behind a reverse proxy: two that it tells from each other
// by the path, and one behind a timeout that is shorter than the mesh is quiet.
// The environment variable RECEPTOR_NGINX names the program.
func TestNginx(t *testing.T) {
	program := os.Getenv("RECEPTOR_NGINX")
	if program == "" {
		t.Skip("RECEPTOR_NGINX names no nginx")
	}
	dir := t.TempDir()
	file, authority := tlsFiles(t, dir)
	authority.Issue("proxy")
	plain, secure := freePort(t), freePort(t)
	listener := func(id, path string) (n *node, port int) {
		port = freePort(t)
		n = mustStart(t, dir, id, append(cat, "--ws-listener", fmt.Sprint("port=", port), "bindaddr=127.0.0.1", "path="+path)...)
		return n, port
	}
	a, portA := listener("a", "/mesh/a")
	b, portB := listener("b", "/mesh/b")
	_, portI := listener("i", "/mesh/impatient")
	startNginx(t, program, dir, strings.NewReplacer("DIR", dir, "PLAIN", fmt.Sprint(plain), "SECURE", fmt.Sprint(secure),
		"PORT_A", fmt.Sprint(portA), "PORT_B", fmt.Sprint(portB), "PORT_I", fmt.Sprint(portI)).Replace(nginxConf))

	peer := func(id string, args ...string) *node {
		return mustStart(t, dir, id, append(args, "--tls-client", "name=out", "rootcas="+file("ca.crt"))...)
	}
	c := peer("c", "--ws-peer", fmt.Sprintf("address=ws://127.0.0.1:%d/mesh/a", plain),
		"--ws-peer", fmt.Sprintf("address=wss://localhost:%d/mesh/b", secure), "tls=out")
	lost := peer("lost", "--ws-peer", fmt.Sprintf("address=ws://127.0.0.1:%d/mesh/nowhere", plain))
	impatient := peer("impatient", "--ws-peer", fmt.Sprintf("address=wss://localhost:%d/mesh/impatient", secure), "tls=out")

	for _, n := range []*node{a, b, c} {
		n.log.wait("Routes computed: 2 nodes", 1)
	}
	a.runCat(t, "b", nil)
	b.runCat(t, "a", nil)
	lost.log.wait("the server answered 404 Not Found", 1)

	// The proxy hangs up when it hears nothing for a second: the link comes back.
	impatient.log.wait("Connection established with i", 3)
	impatient.runCat(t, "i", nil)

	// Nobody says anything any more. What nodes tell each other every 10 s keeps
	// links through a proxy that waits for longer than that. The node that is refused
	// is the clock: its sixth pause and the two after it take 19 s at least.
	refused := strings.Count(lost.log.String(), "404 Not Found")
	lost.log.wait("the server answered 404 Not Found", max(refused, 5)+3)
	for _, n := range []*node{a, b} {
		if got := strings.Count(n.log.String(), "Connection established"); got != 1 {
			t.Errorf("the link through the proxy was made %d times, want once", got)
		}
	}
	a.runCat(t, "b", nil)
}

func startNginx(t *testing.T, program, dir, conf string) {
	t.Helper()
	path := filepath.Join(dir, "nginx.conf")
	if err := os.WriteFile(path, []byte(conf), 0o600); err != nil {
		t.Fatal(err)
	}
	log := newLogBuffer()
	cmd := exec.Command(program, "-p", dir, "-e", "stderr", "-c", path)
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
		if t.Failed() {
			t.Logf("log of nginx:\n%s", log)
		}
	})
	log.wait("getrlimit", 1) // it listens, then tells what it found
}
