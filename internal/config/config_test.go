package config

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"receptor/mesh/firewall"
)

// everything is a configuration in which no parameter has its default.
func everything() *Config {
	return &Config{
		Node: Node{ID: "foo", DataDir: "/var/lib/receptor", MaxIdleConnectionTimeout: 30 * time.Second, MaxPendingRelease: 48 * time.Hour, MinFreeSpace: 1 << 30, FirewallRules: []firewall.Rule{
			{Action: firewall.Accept, FromNode: "/a.*/", ToNode: "localhost", FromService: "x", ToService: "control"},
			{Action: firewall.Reject, ToService: "control"},
		}},
		LogLevel:  Debug,
		Trace:     true,
		LocalOnly: true,
		ControlServices: []ControlService{
			{Service: "ctl", Filename: "/run/r.sock", Permissions: 0o660, TLS: "in", TCPListen: "0.0.0.0:7324", TCPTLS: "in"},
			{Service: "other", Permissions: 0o600},
		},
		TCPListeners: []TCPListener{
			{Port: 2222, BindAddr: "127.0.0.1", TLS: "in", Cost: 1.5, NodeCost: map[string]float64{"a": 0.5, "b": 2}, AllowedPeers: []string{"a", "b"}},
			{Port: 0, BindAddr: "0.0.0.0", Cost: 1},
		},
		TCPPeers: []TCPPeer{
			{Address: "far.example.org:2222", Redial: false, TLS: "out", Cost: 2.5, AllowedPeers: []string{"far"}},
			{Address: "[::1]:1", Redial: true, Cost: 1},
		},
		UDPListeners: []UDPListener{
			{Port: 2223, BindAddr: "::1", Cost: 3, NodeCost: map[string]float64{"a": 4}, AllowedPeers: []string{"a"}},
		},
		UDPPeers: []UDPPeer{
			{Address: "far.example.org:2223", Redial: false, Cost: 3, AllowedPeers: []string{"far"}},
		},
		WSListeners: []WSListener{
			{Port: 8080, BindAddr: "::1", Path: "/mesh", TLS: "in", Cost: 5, NodeCost: map[string]float64{"a": 6}, AllowedPeers: []string{"a"}},
		},
		WSPeers: []WSPeer{
			{Address: "wss://far.example.org/mesh", Redial: false, ExtraHeader: "X-A: b", TLS: "out", Cost: 5, AllowedPeers: []string{"far"}},
		},
		TLSServers: []TLSServer{{
			Name: "in", Cert: "/in.crt", Key: "/in.key", RequireClientCert: true, ClientCAs: "/ca.crt",
			PinnedClientCert: [][]byte{make([]byte, 32), make([]byte, 64)}, SkipReceptorNamesCheck: true, MinTLS13: true,
		}},
		TLSClients: []TLSClient{{
			Name: "out", Cert: "/out.crt", Key: "/out.key", RootCAs: "/ca.crt", InsecureSkipVerify: true,
			PinnedServerCert: [][]byte{make([]byte, 32)}, SkipReceptorNamesCheck: true, MinTLS13: true,
		}},
		WorkCommands: []WorkCommand{
			{WorkType: "cat", Command: "/bin/cat", Params: "-n 'a b'=c", AllowRuntimeParams: true, VerifySignature: true, MaxParallel: 3, MaxOutput: 5 << 20, Stderr: "separate"},
			{WorkType: "date", Command: "date"},
		},
		WorkSigning:      &WorkSigning{PrivateKey: "/work.key", TokenExpiration: 90 * time.Second},
		WorkVerification: &WorkVerification{PublicKey: "/work.pub"},
		TCPServers: []TCPServer{
			{Port: 8022, BindAddr: "127.0.0.1", RemoteNode: "far", RemoteService: "ssh", TLSServer: "in", TLSClient: "out"},
		},
		TCPClients: []TCPClient{{Service: "ssh", Address: "localhost:22", TLSServer: "in", TLSClient: "out"}},
		UDPServers: []UDPServer{{Port: 8053, BindAddr: "::1", RemoteNode: "localhost", RemoteService: "dns"}},
		UDPClients: []UDPClient{{Service: "dns", Address: "[::1]:53"}},
		UnixSocketServers: []UnixSocketServer{
			{Filename: "/run/far.sock", Permissions: 0o666, RemoteNode: "far", RemoteService: "sock", TLS: "out"},
		},
		UnixSocketClients: []UnixSocketClient{{Service: "sock", Filename: "/run/near.sock", TLS: "in"}},
		CommandServices:   []CommandService{{Service: "shell", Command: "bash -c 'a b'", TLS: "in"}},
		IPRouters: []IPRouter{{NetworkName: "ipnet", Interface: "mesh0", LocalNet: netip.MustParsePrefix("10.9.0.4/30"),
			Routes: []netip.Prefix{netip.MustParsePrefix("10.1.0.0/16"), netip.MustParsePrefix("fd00::/64")}}},
	}
}

// zeros are bytes in hexadecimal with colons.
func zeros(n int) string { return strings.TrimSuffix(strings.Repeat("00:", n), ":") }

// everythingWritten is the same in a file of version 1.
var everythingWritten = `---
- node:
    id: foo
    datadir: /var/lib/receptor
    firewallrules:
      - Action: accept
        FromNode: /a.*/
        ToNode: localhost
        FromService: x
        ToService: control
      - {action: "reject", toservice: "control"}
    maxidleconnectiontimeout: 30s
    maxpendingrelease: 48h
    minfreespace: 1G
- log-level:
    level: debug
- trace:
- local-only:
- control-service:
    service: ctl
    filename: /run/r.sock
    permissions: 0660
    tls: in
    tcplisten: 7324
    tcptls: in
- control-service: {service: other}
- tcp-listener:
    port: 2222
    bindaddr: 127.0.0.1
    tls: in
    cost: 1.5
    nodecost: {a: 0.5, b: 2}
    allowedpeers: [a, b]
- tcp-listener: 0
- tcp-peer:
    address: far.example.org:2222
    redial: false
    tls: out
    cost: 2.5
    allowedpeers:
      - far
- tcp-peer: "[::1]:1"
- udp-listener: {port: 2223, bindaddr: "::1", cost: 3, nodecost: {a: 4}, allowedpeers: [a]}
- udp-peer: {address: "far.example.org:2223", redial: false, cost: 3, allowedpeers: [far]}
- ws-listener: {port: 8080, bindaddr: "::1", path: /mesh, tls: in, cost: 5, nodecost: {a: 6}, allowedpeers: [a]}
- ws-peer: {address: "wss://far.example.org/mesh", redial: false, extraheader: "X-A: b", tls: out, cost: 5, allowedpeers: [far]}
- tls-server:
    name: in
    cert: /in.crt
    key: /in.key
    requireclientcert: true
    clientcas: /ca.crt
    pinnedclientcert:
      - ` + zeros(32) + `
      - ` + zeros(64) + `
    skipreceptornamescheck: true
    mintls13: true
- tls-client:
    name: out
    cert: /out.crt
    key: /out.key
    rootcas: /ca.crt
    insecureskipverify: true
    pinnedservercert: ` + zeros(32) + `
    skipreceptornamescheck: true
    mintls13: true
- work-command:
    worktype: cat
    command: /bin/cat
    params: -n 'a b'=c
    allowruntimeparams: true
    verifysignature: true
    maxparallel: 3
    maxoutput: 5M
    stderr: separate
- work-command: {worktype: date, command: date}
- work-signing: {privatekey: /work.key, tokenexpiration: 1m30s}
- work-verification: {publickey: /work.pub}
- tcp-server: {port: 8022, bindaddr: 127.0.0.1, remotenode: far, remoteservice: ssh, tlsserver: in, tlsclient: out}
- tcp-client: {service: ssh, address: "localhost:22", tlsserver: in, tlsclient: out}
- udp-server: {port: 8053, bindaddr: "::1", remotenode: localhost, remoteservice: dns}
- udp-client: {service: dns, address: "[::1]:53"}
- unix-socket-server: {filename: /run/far.sock, permissions: 0666, remotenode: far, remoteservice: sock, tls: out}
- unix-socket-client: {service: sock, filename: /run/near.sock, tls: in}
- command-service: {service: shell, command: "bash -c 'a b'", tls: in}
- ip-router: {networkname: ipnet, interface: mesh0, localnet: 10.9.0.4/30, routes: "10.1.0.0/16,fd00::/64"}
`

func TestBothFormsMeanTheSame(t *testing.T) {
	fromYAML, err := fromFile(everythingWritten)
	wantConfig(t, fromYAML, err, everything())

	fromLine, err := fromArgs(nil,
		"--node", "id=foo", "datadir=/var/lib/receptor", "maxidleconnectiontimeout=30", "maxpendingrelease=48h", "minfreespace=1G",
		`firewallrules=[{"action":"accept","fromnode":"/a.*/","tonode":"localhost","fromservice":"x","toservice":"control"},`+
			`{"action":"reject","toservice":"control"}]`,
		"--log-level", "Debug", "--trace", "--local-only",
		"--control-service", "service=ctl", "filename=/run/r.sock", "permissions=0660", "tls=in", "tcplisten=7324", "tcptls=in",
		"--control-service", "service=other",
		"--tcp-listener", "2222", "bindaddr=127.0.0.1", "tls=in", "cost=1.5", `nodecost={"a":0.5,"b":2}`, "allowedpeers=a,b",
		"--tcp-listener=0",
		"--tcp-peer", "address=far.example.org:2222", "redial=false", "tls=out", "cost=2.5", "allowedpeers=[far]",
		"--tcp-peer", "[::1]:1",
		"--udp-listener", "2223", "bindaddr=::1", "cost=3", "nodecost={a: 4}", "allowedpeers=a",
		"--udp-peer", "far.example.org:2223", "redial=false", "cost=3", "allowedpeers=far",
		"--ws-listener", "8080", "bindaddr=::1", "path=/mesh", "tls=in", "cost=5", "nodecost={a: 6}", "allowedpeers=a",
		"--ws-peer", "wss://far.example.org/mesh", "redial=false", "extraheader=X-A: b", "tls=out", "cost=5", "allowedpeers=far",
		"--tls-server", "name=in", "cert=/in.crt", "key=/in.key", "requireclientcert=true", "clientcas=/ca.crt",
		"pinnedclientcert="+zeros(32)+","+zeros(64), "skipreceptornamescheck=true", "mintls13=true",
		"--tls-client", "name=out", "cert=/out.crt", "key=/out.key", "rootcas=/ca.crt", "insecureskipverify=true",
		"pinnedservercert="+zeros(32), "skipreceptornamescheck=true", "mintls13=true",
		"--work-command", "worktype=cat", "command=/bin/cat", "params=-n 'a b'=c", "allowruntimeparams=true", "verifysignature=true", "maxparallel=3", "maxoutput=5M", "stderr=separate",
		"--work-command", "worktype=date", "command=date",
		"--work-signing", "/work.key", "tokenexpiration=90s", "--work-verification", "/work.pub",
		"--tcp-server", "port=8022", "bindaddr=127.0.0.1", "remotenode=far", "remoteservice=ssh", "tlsserver=in", "tlsclient=out",
		"--tcp-client", "service=ssh", "address=localhost:22", "tlsserver=in", "tlsclient=out",
		"--udp-server", "port=8053", "bindaddr=::1", "remotenode=localhost", "remoteservice=dns",
		"--udp-client", "service=dns", "address=[::1]:53",
		"--unix-socket-server", "filename=/run/far.sock", "permissions=0666", "remotenode=far", "remoteservice=sock", "tls=out",
		"--unix-socket-client", "service=sock", "filename=/run/near.sock", "tls=in",
		"--command-service", "service=shell", "command=bash -c 'a b'", "tls=in",
		"--ip-router", "networkname=ipnet", "interface=mesh0", "localnet=10.9.0.5/30", "routes=[10.1.2.3/16, fd00::1/64]")
	wantConfig(t, fromLine, err, everything())
}

func TestDefaults(t *testing.T) {
	got, err := fromFile(`
- local-only
- log-level:
- control-service:
- tcp-listener: {port: 1}
- tcp-peer: {address: "a:1"}
- udp-listener: 1
- udp-peer: a:1
- ws-listener: 2
- ws-peer: ws://a
- tls-server: {name: s, cert: c, key: k}
- tls-client: {name: c}
- work-command: {worktype: w, command: c}
- tcp-server: {port: 3, remotenode: n, remoteservice: s}
- tcp-client: {service: t, address: "a:1"}
- udp-server: {port: 4, remotenode: n, remoteservice: s}
- udp-client: {service: u, address: "a:1"}
- unix-socket-server: {filename: f, remotenode: n, remoteservice: s}
- unix-socket-client: {service: x, filename: f}
- command-service: {service: y, command: sh}
- ip-router: {networkname: z, localnet: 10.0.0.0/30}
`)
	wantConfig(t, got, err, alone(func(c *Config) {
		c.LogLevel = Error
		c.ControlServices = []ControlService{{Service: "control", Permissions: 0o600}}
		c.TCPListeners = []TCPListener{{Port: 1, BindAddr: "0.0.0.0", Cost: 1}}
		c.TCPPeers = []TCPPeer{{Address: "a:1", Redial: true, Cost: 1}}
		c.UDPListeners = []UDPListener{{Port: 1, BindAddr: "0.0.0.0", Cost: 1}}
		c.UDPPeers = []UDPPeer{{Address: "a:1", Redial: true, Cost: 1}}
		c.WSListeners = []WSListener{{Port: 2, BindAddr: "0.0.0.0", Path: "/", Cost: 1}}
		c.WSPeers = []WSPeer{{Address: "ws://a", Redial: true, Cost: 1}}
		c.TLSServers = []TLSServer{{Name: "s", Cert: "c", Key: "k"}}
		c.TLSClients = []TLSClient{{Name: "c"}}
		c.WorkCommands = []WorkCommand{{WorkType: "w", Command: "c"}}
		c.TCPServers = []TCPServer{{Port: 3, BindAddr: "0.0.0.0", RemoteNode: "n", RemoteService: "s"}}
		c.TCPClients = []TCPClient{{Service: "t", Address: "a:1"}}
		c.UDPServers = []UDPServer{{Port: 4, BindAddr: "0.0.0.0", RemoteNode: "n", RemoteService: "s"}}
		c.UDPClients = []UDPClient{{Service: "u", Address: "a:1"}}
		c.UnixSocketServers = []UnixSocketServer{{Filename: "f", Permissions: 0o600, RemoteNode: "n", RemoteService: "s"}}
		c.UnixSocketClients = []UnixSocketClient{{Service: "x", Filename: "f"}}
		c.CommandServices = []CommandService{{Service: "y", Command: "sh"}}
		c.IPRouters = []IPRouter{{NetworkName: "z", LocalNet: netip.MustParsePrefix("10.0.0.0/30")}}
	}))
}

func TestLevelWithoutItemIsInfo(t *testing.T) {
	got, err := fromArgs(nil, "--local-only")
	wantConfig(t, got, err, alone(nil))
}

func TestItemsKeepTheirPositions(t *testing.T) {
	c, err := fromArgs(files{"r.yml": "- node: a\n\n- tcp-peer:\n    address: a:1\n"}, "--tcp-peer=b:1", "-c", "r.yml")
	if err != nil {
		t.Fatal(err)
	}
	if got, want := c.Node.Where, (Position{"r.yml", 1}); got != want {
		t.Errorf("node is at %v, want %v", got, want)
	}
	if got := c.TCPPeers; len(got) != 2 || got[0].Address != "b:1" || got[0].Where.String() != "command line" ||
		got[1].Address != "a:1" || got[1].Where.String() != "r.yml:3" {
		t.Errorf("peers are %+v, want b:1 of the command line and then a:1 of r.yml:3", got)
	}
}
