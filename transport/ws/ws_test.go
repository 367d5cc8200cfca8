package ws

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"receptor/transport"
	"receptor/transport/transporttest"
)

const loopback = "127.0.0.1:0"

func TestConformance(t *testing.T) { transporttest.Conformance(t, kind("ws://", nil, nil)) }

func TestConformanceWithTLS(t *testing.T) {
	server, client := transporttest.TLS(t)
	transporttest.Conformance(t, kind("wss://", server, client))
}

func kind(scheme string, server, client *tls.Config) transporttest.Kind {
	return transporttest.Kind{
		MaxFrame: transport.MaxFrame,
		Listen: func(warn func(error)) transporttest.Listener {
			return NewListener(loopback, ListenOptions{Path: "/", TLS: server, Warn: warn})
		},
		Dial: func(addr net.Addr, opts transport.DialOptions) transport.Backend {
			return NewDialer(scheme+addr.String(), DialOptions{DialOptions: opts, TLS: client})
		},
		Raw: func(addr net.Addr) (net.Conn, error) {
			dialer := websocket.Dialer{TLSClientConfig: client}
			conn, _, err := dialer.Dial(scheme+addr.String(), nil)
			if err != nil {
				return nil, err
			}
			return conn.NetConn(), nil
		},
		Frame: func(frame []byte) []byte { return message(0x82, frame) },
		Garbage: [][]byte{
			{0x82, 0},                         // not masked
			{0x83, 0x80, 0, 0, 0, 0},          // reserved opcode
			{0xf2, 0x80, 0, 0, 0, 0},          // reserved bits
			{0x80, 0x81, 0, 0, 0, 0, 'x'},     // continues nothing
			{0x82, 0xff, 0x7f, 1, 2, 3, 4, 5}, // too long
			{0x82, 0xff, 0xff, 1, 2, 3, 4, 5}, // longer than there is
			message(0x88, []byte{0}),          // close without a code
			message(0x81, []byte("\xff\xfe")), // text that is no text
			message(0x89, make([]byte, 125)),  // ping
			message(0x02, []byte("one half")), // and nothing more
			[]byte("GET / HTTP/1.1\r\n\r\n"),
		},
	}
}

// message makes one frame of the websocket protocol, masked with zeros.
func message(first byte, payload []byte) []byte {
	head := []byte{first, 0x80 | 126, byte(len(payload) >> 8), byte(len(payload))}
	if len(payload) < 126 {
		head = []byte{first, 0x80 | byte(len(payload))}
	}
	return append(append(head, 0, 0, 0, 0), payload...)
}

func ignore(error) {}

func listen(t *testing.T, opts ListenOptions) (*Listener, chan *transporttest.Recorder) {
	t.Helper()
	links := make(chan *transporttest.Recorder, 10)
	if opts.Warn == nil {
		opts.Warn = ignore
	}
	l := NewListener(loopback, opts)
	if err := l.Start(transporttest.Record(links)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.Close)
	return l, links
}

func dial(t *testing.T, address string, opts DialOptions) (links chan *transporttest.Recorder, warnings chan error) {
	t.Helper()
	links, warnings = make(chan *transporttest.Recorder, 10), make(chan error, 10)
	opts.DialOptions = transport.DialOptions{
		Redial: true, Clock: transport.System, Rand: rand.New(rand.NewPCG(1, 2)),
		Warn: func(err error) { warnings <- err },
	}
	d := NewDialer(address, opts)
	if err := d.Start(transporttest.Record(links)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.Close)
	return links, warnings
}

// wantLink sends a frame each way.
func wantLink(t *testing.T, dialled, accepted chan *transporttest.Recorder, warnings chan error) {
	t.Helper()
	var a *transporttest.Recorder
	select {
	case a = <-dialled:
	case err := <-warnings:
		t.Fatal(err)
	}
	b := <-accepted
	for _, ends := range [][2]*transporttest.Recorder{{a, b}, {b, a}} {
		ends[0].Link.Send([]byte{1, 2, 3})
		if got, _ := ends[1].Next(); string(got) != "\x01\x02\x03" {
			t.Errorf("got %v", got)
		}
	}
}

// A reverse proxy routes by path, and calls the node by another name.
func TestBehindReverseProxy(t *testing.T) {
	for name, setHost := range map[string]func(*httputil.ProxyRequest){
		"it passes Host on":        func(r *httputil.ProxyRequest) { r.Out.Host = r.In.Host },
		"it sets X-Forwarded-Host": func(r *httputil.ProxyRequest) { r.SetXForwarded() },
	} {
		t.Run(name, func(t *testing.T) {
			l, accepted := listen(t, ListenOptions{Path: "/mesh"})
			node := &url.URL{Scheme: "http", Host: l.Addr().String()}
			mux := http.NewServeMux()
			mux.HandleFunc("/", http.NotFound)
			mux.Handle("/outside/mesh", http.StripPrefix("/outside", &httputil.ReverseProxy{
				Rewrite: func(r *httputil.ProxyRequest) {
					r.SetURL(node)
					setHost(r)
				},
			}))
			proxy := httptest.NewServer(mux)
			t.Cleanup(proxy.Close)
			t.Cleanup(l.Close) // before the proxy, which waits for the link
			dialled, warnings := dial(t, strings.Replace(proxy.URL, "http", "ws", 1)+"/outside/mesh", DialOptions{})
			wantLink(t, dialled, accepted, warnings)
		})
	}
}

// The request of a dialer has the Origin of its own host and the extra header.
func TestRequestHeaders(t *testing.T) {
	requests := make(chan *http.Request, 10)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		requests <- r
		http.Error(w, "not today", http.StatusForbidden)
	}))
	defer server.Close()
	_, warnings := dial(t, strings.Replace(server.URL, "http", "ws", 1)+"/p?q=1", DialOptions{ExtraHeader: "X-Token: a:b"})
	r := <-requests
	if got := r.Header.Get("Origin"); got != server.URL {
		t.Errorf("Origin %q, want %q", got, server.URL)
	}
	if got := r.Header.Get("X-Token"); got != "a:b" {
		t.Errorf("the extra header is %q", got)
	}
	if got := r.URL.String(); got != "/p?q=1" {
		t.Errorf("asked for %q", got)
	}
	if err := <-warnings; !strings.Contains(err.Error(), "403 Forbidden") || !strings.Contains(err.Error(), server.URL[len("http:"):]) {
		t.Errorf("warning %v, want the answer and the URL", err)
	}
}

// A dialer goes by the proxy that there is for its URL.
func TestProxy(t *testing.T) {
	l, accepted := listen(t, ListenOptions{Path: "/"})
	asked := make(chan string, 10)
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked <- r.Method + " " + r.Host
		tunnel(w, l.Addr().String())
	}))
	defer proxy.Close()
	through, err := url.Parse(proxy.URL)
	if err != nil {
		t.Fatal(err)
	}
	dialled, warnings := dial(t, "ws://mesh.example.org/", DialOptions{Proxy: func(r *http.Request) (*url.URL, error) {
		if r.URL.Hostname() != "mesh.example.org" {
			return nil, fmt.Errorf("a proxy for %v?", r.URL)
		}
		return through, nil
	}})
	wantLink(t, dialled, accepted, warnings)
	if got, want := <-asked, "CONNECT mesh.example.org:80"; got != want {
		t.Errorf("the proxy was asked %q, want %q", got, want)
	}
}

// tunnel connects a client of a proxy to an address.
func tunnel(w http.ResponseWriter, to string) {
	far, err := net.Dial("tcp", to)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	near, _, err := w.(http.Hijacker).Hijack()
	if err != nil {
		far.Close()
		return
	}
	io.WriteString(near, "HTTP/1.1 200 OK\r\n\r\n")
	copyTo := func(dst, src net.Conn) {
		io.Copy(dst, src)
		dst.Close()
	}
	go copyTo(far, near)
	go copyTo(near, far)
}

// Who may ask for a link, and where.
func TestRequests(t *testing.T) {
	tests := []struct {
		name, path, asked, origin string
		status                    int
	}{
		{"the path", "/mesh", "/mesh", "", http.StatusSwitchingProtocols},
		{"another path", "/mesh", "/", "", http.StatusNotFound},
		{"below a path", "/mesh", "/mesh/x", "", http.StatusNotFound},
		{"any path", "/", "/mesh/x", "", http.StatusSwitchingProtocols},
		{"below a folder", "/mesh/", "/mesh/x", "", http.StatusSwitchingProtocols},
		{"its own origin", "/", "/", "http://HOST", http.StatusSwitchingProtocols},
		{"another origin", "/", "/", "http://evil.example.org", http.StatusForbidden},
		{"no origin", "/", "/", "null", http.StatusForbidden},
		{"a mistaken origin", "/", "/", "%", http.StatusForbidden},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			l, _ := listen(t, ListenOptions{Path: test.path})
			header := http.Header{}
			if test.origin != "" {
				header.Set("Origin", strings.Replace(test.origin, "HOST", l.Addr().String(), 1))
			}
			conn, answer, err := websocket.DefaultDialer.Dial("ws://"+l.Addr().String()+test.asked, header)
			if err == nil {
				conn.Close()
			}
			if answer.StatusCode != test.status {
				t.Errorf("the answer is %d (%v), want %d", answer.StatusCode, err, test.status)
			}
		})
	}
}

// Whoever announces a body and does not send it, or asks for nothing at all, does
// not keep its connection.
func TestSlowRequests(t *testing.T) {
	l := NewListener(loopback, ListenOptions{Path: "/mesh", Warn: ignore})
	for _, bound := range []*time.Duration{&l.server.ReadTimeout, &l.server.ReadHeaderTimeout} {
		*bound = min(*bound, 20*time.Millisecond) // none stays none
	}
	if err := l.Start(transporttest.Record(make(chan *transporttest.Recorder, 10))); err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	for _, request := range []string{
		"",
		"GET /mesh HTTP/1.1\r\nHost: a\r\n",
		"POST /mesh HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n",
		"POST /other HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n",
	} {
		conn, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		conn.SetDeadline(time.Now().Add(10 * time.Second)) // it has hung
		if _, err := io.WriteString(conn, request); err != nil {
			t.Fatal(err)
		}
		if _, err := io.Copy(io.Discard, conn); errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("after %q the connection stays open", request)
		}
	}
}

func TestStartErrors(t *testing.T) {
	l, _ := listen(t, ListenOptions{Path: "/"})
	second := NewListener(l.Addr().String(), ListenOptions{Path: "/", Warn: ignore})
	if err := second.Start(nil); err == nil || !strings.Contains(err.Error(), "address already in use") {
		t.Errorf("listening on a port in use: %v", err)
	}
	second.Close()
	for _, address := range []string{"127.0.0.1:80", "http://a/", "ws:///", "ws://me:pass@a/", "ws://a:b/"} {
		if err := NewDialer(address, DialOptions{}).Start(nil); err == nil || !strings.Contains(err.Error(), "want a URL") {
			t.Errorf("the address %q: %v, want an error", address, err)
		}
	}
	if err := NewDialer("ws://a", DialOptions{ExtraHeader: "no colon"}).Start(nil); err == nil {
		t.Error("an extra header without a colon was taken")
	}
}

// A server that takes the connection and never answers keeps no dialer from
// closing.
func TestCloseDuringDial(t *testing.T) {
	transporttest.CheckGoroutines(t)
	silent, err := net.Listen("tcp", loopback)
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	for _, scheme := range []string{"ws://", "wss://"} {
		d := NewDialer(scheme+silent.Addr().String(), DialOptions{DialOptions: transport.DialOptions{
			Clock: transport.System, Warn: func(err error) { t.Errorf("warning: %v", err) },
		}})
		if err := d.Start(nil); err != nil {
			t.Fatal(err)
		}
		conn, err := silent.Accept()
		if err != nil {
			t.Fatal(err)
		}
		d.Close()
		conn.Close()
	}
}
