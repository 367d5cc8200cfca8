package config

import (
	"testing"
	"time"

	"receptor/mesh/firewall"
)

// everything is a configuration in which no parameter has its default.
func everything() *Config {
	return &Config{
		Node: Node{ID: "foo", DataDir: "/var/lib/receptor", MaxIdleConnectionTimeout: 30 * time.Second, FirewallRules: []firewall.Rule{
			{Action: firewall.Accept, FromNode: "/a.*/", ToNode: "localhost", FromService: "x", ToService: "control"},
			{Action: firewall.Reject, ToService: "control"},
		}},
		LogLevel:  Debug,
		LocalOnly: true,
		ControlServices: []ControlService{
			{Service: "ctl", Filename: "/run/r.sock", Permissions: 0o660},
			{Service: "other", Permissions: 0o600},
		},
		TCPListeners: []TCPListener{
			{Port: 2222, BindAddr: "127.0.0.1", Cost: 1.5, NodeCost: map[string]float64{"a": 0.5, "b": 2}, AllowedPeers: []string{"a", "b"}},
			{Port: 0, BindAddr: "0.0.0.0", Cost: 1},
		},
		TCPPeers: []TCPPeer{
			{Address: "far.example.org:2222", Redial: false, Cost: 2.5, AllowedPeers: []string{"far"}},
			{Address: "[::1]:1", Redial: true, Cost: 1},
		},
		WorkCommands: []WorkCommand{
			{WorkType: "cat", Command: "/bin/cat", Params: "-n 'a b'=c", AllowRuntimeParams: true},
			{WorkType: "date", Command: "date"},
		},
	}
}

func TestBothFormsMeanTheSame(t *testing.T) {
	fromYAML, err := fromFile(`---
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
- log-level:
    level: debug
- local-only:
- control-service:
    service: ctl
    filename: /run/r.sock
    permissions: 0660
- control-service: {service: other}
- tcp-listener:
    port: 2222
    bindaddr: 127.0.0.1
    cost: 1.5
    nodecost: {a: 0.5, b: 2}
    allowedpeers: [a, b]
- tcp-listener: 0
- tcp-peer:
    address: far.example.org:2222
    redial: false
    cost: 2.5
    allowedpeers:
      - far
- tcp-peer: "[::1]:1"
- work-command:
    worktype: cat
    command: /bin/cat
    params: -n 'a b'=c
    allowruntimeparams: true
- work-command: {worktype: date, command: date}
`)
	wantConfig(t, fromYAML, err, everything())

	fromLine, err := fromArgs(nil,
		"--node", "id=foo", "datadir=/var/lib/receptor", "maxidleconnectiontimeout=30",
		`firewallrules=[{"action":"accept","fromnode":"/a.*/","tonode":"localhost","fromservice":"x","toservice":"control"},`+
			`{"action":"reject","toservice":"control"}]`,
		"--log-level", "Debug", "--local-only",
		"--control-service", "service=ctl", "filename=/run/r.sock", "permissions=0660",
		"--control-service", "service=other",
		"--tcp-listener", "2222", "bindaddr=127.0.0.1", "cost=1.5", `nodecost={"a":0.5,"b":2}`, "allowedpeers=a,b",
		"--tcp-listener=0",
		"--tcp-peer", "address=far.example.org:2222", "redial=false", "cost=2.5", "allowedpeers=[far]",
		"--tcp-peer", "[::1]:1",
		"--work-command", "worktype=cat", "command=/bin/cat", "params=-n 'a b'=c", "allowruntimeparams=true",
		"--work-command", "worktype=date", "command=date")
	wantConfig(t, fromLine, err, everything())
}

func TestDefaults(t *testing.T) {
	got, err := fromFile(`
- local-only
- log-level:
- control-service:
- tcp-listener: {port: 1}
- tcp-peer: {address: "a:1"}
- work-command: {worktype: w, command: c}
`)
	wantConfig(t, got, err, alone(func(c *Config) {
		c.LogLevel = Error
		c.ControlServices = []ControlService{{Service: "control", Permissions: 0o600}}
		c.TCPListeners = []TCPListener{{Port: 1, BindAddr: "0.0.0.0", Cost: 1}}
		c.TCPPeers = []TCPPeer{{Address: "a:1", Redial: true, Cost: 1}}
		c.WorkCommands = []WorkCommand{{WorkType: "w", Command: "c"}}
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
