package pki

import (
	"bytes"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"io/fs"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"receptor/internal/config"
	"receptor/internal/pki/pkitest"
)

// world has two authorities, a server and clients; only the first authority is
// believed by the items below.
type world struct {
	disk           *disk
	ca, stranger   *pkitest.Authority
	server, client []byte
	warnings       []string
	node           string
	nowIs          time.Time
}

func newWorld(t *testing.T) *world {
	w := &world{disk: &disk{files: map[string][]byte{}}, node: "me", nowIs: pkitest.NotBefore.AddDate(26, 0, 0)}
	w.ca, w.stranger = pkitest.NewAuthority(t, "ca", w.disk.write), pkitest.NewAuthority(t, "stranger", w.disk.write)
	w.server, w.client = w.ca.Issue("server", "me", "other"), w.ca.Issue("client", "me")
	w.stranger.Issue("intruder", "me")
	return w
}

func (w *world) opts() Options {
	return Options{
		NodeID: w.node, ReadFile: w.disk.read, Now: func() time.Time { return w.nowIs },
		Warn: func(err error) { w.warnings = append(w.warnings, err.Error()) },
	}
}

func serverItem() config.TLSServer {
	return config.TLSServer{Name: "s", Cert: "server.crt", Key: "server.key"}
}

func clientItem() config.TLSClient {
	return config.TLSClient{Name: "c", RootCAs: "ca.crt"}
}

func sha(der []byte) []byte {
	sum := sha256.Sum256(der)
	return sum[:]
}

func longSHA(der []byte) []byte {
	sum := sha512.Sum512(der)
	return sum[:]
}

// nobody is an address of no node.
var nobody = &net.TCPAddr{}

// Without a host there is no name to verify, which must not mean any name.
func TestNoHostToVerify(t *testing.T) {
	for _, insecure := range []bool{false, true} {
		w := newWorld(t)
		server, err := NewServer(serverItem(), w.opts())
		if err != nil {
			t.Fatal(err)
		}
		item := clientItem()
		item.InsecureSkipVerify = insecure
		client, err := NewClient(item, w.opts())
		if err != nil {
			t.Fatal(err)
		}
		_, _, err = shake(t, server.Config(), client.HostConfig(""), nil)
		if insecure != (err == nil) || !insecure && !strings.Contains(err.Error(), "want HOST:PORT") {
			t.Errorf("insecureskipverify %v: %v", insecure, err)
		}
	}
}

func TestWhoIsBelieved(t *testing.T) {
	tests := []struct {
		name   string
		change func(w *world, s *config.TLSServer, c *config.TLSClient)
		host   string // default localhost
		want   string // part of the error of one end, "" if they connect
	}{
		{"host name", nil, "", ""},
		{"IP address", nil, "127.0.0.1", ""},
		{"another host", nil, "example.org", "certificate is valid for localhost, not example.org"},
		{"another authority", func(w *world, s *config.TLSServer, c *config.TLSClient) { c.RootCAs = "stranger.crt" }, "", "unknown authority"},
		{"expired", func(w *world, s *config.TLSServer, c *config.TLSClient) { w.nowIs = pkitest.NotAfter.AddDate(0, 0, 1) }, "", "expired"},
		{"insecure", func(w *world, s *config.TLSServer, c *config.TLSClient) { c.RootCAs, c.InsecureSkipVerify = "", true }, "example.org", ""},
		{"pinned", func(w *world, s *config.TLSServer, c *config.TLSClient) {
			c.PinnedServerCert = [][]byte{make([]byte, 32), sha(w.server)}
		}, "", ""},
		{"pinned by SHA-512", func(w *world, s *config.TLSServer, c *config.TLSClient) {
			c.PinnedServerCert = [][]byte{longSHA(w.server)}
		}, "", ""},
		{"another one pinned", func(w *world, s *config.TLSServer, c *config.TLSClient) {
			c.PinnedServerCert = [][]byte{sha(w.client)}
		}, "", "none of those that are pinned"},
		{"another one pinned, insecure", func(w *world, s *config.TLSServer, c *config.TLSClient) {
			c.PinnedServerCert, c.InsecureSkipVerify = [][]byte{sha(w.client)}, true
		}, "", "none of those that are pinned"},
		{"pinned, and for another host", func(w *world, s *config.TLSServer, c *config.TLSClient) {
			c.PinnedServerCert = [][]byte{sha(w.server)}
		}, "example.org", "not example.org"},

		{"client certificate", func(w *world, s *config.TLSServer, c *config.TLSClient) {
			s.RequireClientCert, s.ClientCAs, c.Cert, c.Key = true, "ca.crt", "client.crt", "client.key"
		}, "", ""},
		{"no client certificate", func(w *world, s *config.TLSServer, c *config.TLSClient) {
			s.RequireClientCert, s.ClientCAs = true, "ca.crt"
		}, "", "didn't provide a certificate"},
		{"client of another authority", func(w *world, s *config.TLSServer, c *config.TLSClient) {
			s.RequireClientCert, s.ClientCAs, c.Cert, c.Key = true, "ca.crt", "intruder.crt", "intruder.key"
		}, "", "unknown authority"},
		{"client of no authority of the system", func(w *world, s *config.TLSServer, c *config.TLSClient) {
			s.RequireClientCert, c.Cert, c.Key = true, "client.crt", "client.key"
		}, "", "unknown authority"},
		{"optional and absent", func(w *world, s *config.TLSServer, c *config.TLSClient) { s.ClientCAs = "ca.crt" }, "", ""},
		{"optional and wrong", func(w *world, s *config.TLSServer, c *config.TLSClient) {
			s.ClientCAs, c.Cert, c.Key = "ca.crt", "intruder.crt", "intruder.key"
		}, "", "unknown authority"},
		{"pinned client", func(w *world, s *config.TLSServer, c *config.TLSClient) {
			s.RequireClientCert, s.ClientCAs, s.PinnedClientCert = true, "ca.crt", [][]byte{sha(w.client)}
			c.Cert, c.Key = "client.crt", "client.key"
		}, "", ""},
		{"pinned client by SHA-512", func(w *world, s *config.TLSServer, c *config.TLSClient) {
			s.RequireClientCert, s.ClientCAs, s.PinnedClientCert = true, "ca.crt", [][]byte{longSHA(w.client)}
			c.Cert, c.Key = "client.crt", "client.key"
		}, "", ""},
		{"client not pinned", func(w *world, s *config.TLSServer, c *config.TLSClient) {
			s.RequireClientCert, s.ClientCAs, s.PinnedClientCert = true, "ca.crt", [][]byte{sha(w.server)}
			c.Cert, c.Key = "client.crt", "client.key"
		}, "", "none of those that are pinned"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t)
			s, c := serverItem(), clientItem()
			if test.change != nil {
				test.change(w, &s, &c)
			}
			server, err := NewServer(s, w.opts())
			if err != nil {
				t.Fatal(err)
			}
			client, err := NewClient(c, w.opts())
			if err != nil {
				t.Fatal(err)
			}
			host := test.host
			if host == "" {
				host = "localhost"
			}
			_, serverErr, clientErr := shake(t, server.Config(), client.HostConfig(host), nobody)
			wantError(t, serverErr, clientErr, test.want)
		})
	}
}

// wantError wants a text in one of the errors, or none.
func wantError(t *testing.T, serverErr, clientErr error, want string) {
	t.Helper()
	if want == "" {
		if serverErr != nil || clientErr != nil {
			t.Errorf("server: %v; client: %v", serverErr, clientErr)
		}
		return
	}
	for _, err := range []error{serverErr, clientErr} {
		if err != nil && strings.Contains(err.Error(), want) {
			return
		}
	}
	t.Errorf("server: %v; client: %v; want %q", serverErr, clientErr, want)
}

// On streams a certificate must be for the node at the other end.
func TestNodesOfStreams(t *testing.T) {
	tests := []struct {
		dialled, dialer string
		insecure        bool
		want            string
	}{
		{"me", "me", false, ""},
		{"other", "me", false, ""},
		{"third", "me", true, ""},
		{"third", "me", false, "the certificate is for the node ID me, other, want third"},
		{"me", "third", false, "the certificate is for the node ID me, want third"},
		{"me", "third", true, "the certificate is for the node ID me, want third"},
	}
	for _, test := range tests {
		w := newWorld(t)
		s, c := serverItem(), clientItem()
		s.RequireClientCert, s.ClientCAs, c.Cert, c.Key = true, "ca.crt", "client.crt", "client.key"
		c.InsecureSkipVerify = test.insecure
		server, err := NewServer(s, w.opts())
		if err != nil {
			t.Fatal(err)
		}
		client, err := NewClient(c, w.opts())
		if err != nil {
			t.Fatal(err)
		}
		nodeOf := func(addr net.Addr) string { return addr.(*net.UnixAddr).Name }
		_, serverErr, clientErr := shake(t, server.StreamConfig(nodeOf), client.NodeConfig(test.dialled), &net.UnixAddr{Name: test.dialer})
		wantError(t, serverErr, clientErr, test.want)
	}
}

func TestMinimumVersion(t *testing.T) {
	for _, test := range []struct{ server, client bool }{{false, false}, {true, false}, {false, true}} {
		w := newWorld(t)
		s, c := serverItem(), clientItem()
		s.MinTLS13, c.MinTLS13 = test.server, test.client
		server, err := NewServer(s, w.opts())
		if err != nil {
			t.Fatal(err)
		}
		client, err := NewClient(c, w.opts())
		if err != nil {
			t.Fatal(err)
		}
		serverCfg, clientCfg, want := server.Config(), client.HostConfig("localhost"), ""
		if test.client {
			serverCfg.MaxVersion, want = tls.VersionTLS12, "protocol version not supported"
		} else {
			clientCfg.MaxVersion = tls.VersionTLS12
		}
		if test.server {
			want = "unsupported versions"
		}
		_, serverErr, clientErr := shake(t, serverCfg, clientCfg, nobody)
		wantError(t, serverErr, clientErr, want)
	}
}

// A renewed certificate serves the next handshake; one that is half written
// does not, and says so once.
func TestFilesAreReadAgain(t *testing.T) {
	w := newWorld(t)
	server, err := NewServer(serverItem(), w.opts())
	if err != nil {
		t.Fatal(err)
	}
	client, err := NewClient(clientItem(), w.opts())
	if err != nil {
		t.Fatal(err)
	}
	serverCfg, clientCfg := server.Config(), client.HostConfig("localhost")
	shows := func(want []byte) {
		t.Helper()
		state, serverErr, clientErr := shake(t, serverCfg, clientCfg, nobody)
		wantError(t, serverErr, clientErr, "")
		if got := state.PeerCertificates; len(got) == 0 || !bytes.Equal(got[0].Raw, want) {
			t.Errorf("the server shows another certificate than it should")
		}
	}
	shows(w.server)
	renewed := w.ca.Issue("server", "me")
	shows(renewed)
	whole := w.disk.files["server.crt"]
	w.disk.write("server.crt", whole[:len(whole)/2])
	shows(renewed)
	shows(renewed)
	if len(w.warnings) != 1 || !strings.Contains(w.warnings[0], "server.crt") {
		t.Errorf("warnings %q, want one that names server.crt", w.warnings)
	}
	w.ca.Issue("server", "somebody-else")
	shows(renewed)
	if len(w.warnings) != 2 || !strings.Contains(w.warnings[1], "node ID somebody-else, want me") {
		t.Errorf("warnings %q, want one of the node ID", w.warnings)
	}
	// And the authorities that a client believes.
	w.disk.write("ca.crt", w.disk.files["stranger.crt"])
	_, serverErr, clientErr := shake(t, serverCfg, clientCfg, nobody)
	wantError(t, serverErr, clientErr, "unknown authority")
}

func TestStartErrors(t *testing.T) {
	w := newWorld(t)
	w.ca.Issue("foreign", "you")
	w.ca.Issue("nameless")
	w.disk.write("text", []byte("hello"))
	w.disk.write("empty", nil)
	w.disk.write("request", encode(pemRequest, []byte("x")))
	tests := []struct {
		name, cert, key, cas string
		skip                 bool
		want                 string
	}{
		{"no certificate", "none.crt", "server.key", "", false, "open none.crt: file does not exist"},
		{"no key", "server.crt", "none.key", "", false, "key: open none.key: file does not exist"},
		{"another key", "server.crt", "client.key", "", false, "server.crt and client.key: tls: private key does not match public key: want a certificate and the key that it was made for"},
		{"no PEM", "text", "server.key", "", false, "cert: text: no CERTIFICATE in PEM: want one; the file is not PEM"},
		{"an empty key", "server.crt", "empty", "", false, "key: empty: no PRIVATE KEY in PEM: want that of the certificate, without a passphrase; the file is empty"},
		{"the two swapped", "server.key", "server.crt", "", false, "cert: server.key: no CERTIFICATE in PEM: want one; the file has PRIVATE KEY"},
		{"a request", "request", "server.key", "", false, "the file has a CERTIFICATE REQUEST, which an authority is still to sign"},
		{"another node", "foreign.crt", "foreign.key", "", false, "the certificate is for the node ID you, want me"},
		{"no node", "nameless.crt", "nameless.key", "", false, "the certificate is for no node ID, want me"},
		{"another node, skipped", "foreign.crt", "foreign.key", "", true, ""},
		{"no authorities", "server.crt", "server.key", "none.crt", false, "open none.crt: file does not exist"},
		{"a key for authorities", "server.crt", "server.key", "server.key", false, "server.key: no certificates in PEM"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, serverErr := NewServer(config.TLSServer{Cert: test.cert, Key: test.key, ClientCAs: test.cas, SkipReceptorNamesCheck: test.skip}, w.opts())
			_, clientErr := NewClient(config.TLSClient{Cert: test.cert, Key: test.key, RootCAs: test.cas, SkipReceptorNamesCheck: test.skip}, w.opts())
			for end, err := range map[string]error{"server": serverErr, "client": clientErr} {
				if (err == nil) != (test.want == "") || err != nil && !strings.Contains(err.Error(), test.want) {
					t.Errorf("%s: %v, want %q", end, err, test.want)
				}
			}
		})
	}
	if _, err := NewServer(config.TLSServer{Cert: "none.crt", Key: "k"}, w.opts()); !strings.HasPrefix(err.Error(), "cert: ") || !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("error %v", err)
	}
}

// NodeIDs takes what deployed nodes make, and refuses what is malformed.
func TestNodeIDs(t *testing.T) {
	ids, err := NodeIDs(&x509.Certificate{Extensions: []pkix.Extension{pkitest.AltNames(t, "a", "näher")}})
	if err != nil || !slices.Equal(ids, []string{"a", "näher"}) {
		t.Errorf("node IDs %q (%v)", ids, err)
	}
	number, err := asn1.MarshalWithParams(otherName{oidNodeID, asn1.RawValue{Class: 2, Tag: 0, IsCompound: true, Bytes: []byte{2, 1, 5}}}, "tag:0")
	if err != nil {
		t.Fatal(err)
	}
	list := func(parts ...byte) []byte { return append([]byte{0x30, byte(len(parts))}, parts...) }
	for name, value := range map[string][]byte{
		"empty": {}, "no list": {2, 1, 5}, "cut": list(0xa0, 9, 1), "not an otherName": list(0xa0, 3, 2, 1, 5),
		"a number": list(number...), "more after it": append(list(), 0),
	} {
		ids, err := NodeIDs(&x509.Certificate{Extensions: []pkix.Extension{{Id: oidSubjectAltName, Value: value}}})
		if err == nil {
			t.Errorf("%s: node IDs %q, want an error", name, ids)
		}
	}
}
