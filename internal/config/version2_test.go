package config

import (
	"slices"
	"strings"
	"testing"
)

func TestVersion2(t *testing.T) {
	tests := []struct {
		name, text string
		change     func(*Config)
	}{
		{"version", "version: 2\nlocal-only:\n", nil},
		{"no version", "local-only: {}\n", nil},
		{"version in quotes, names in any case", "Version: '2'\nLocal-Only: {LOCAL: yes}\nNODE: {Id: a}\n", func(c *Config) { c.Node.ID = "a" }},
		{"empty list", "local-only:\ntcp-peers: []\n", nil},
		{"no list", "local-only:\ntcp-peers:\nudp-peers: ~\n", nil},
		{"bare values", "local-only: true\nnode: a\nlog-level: debug\ntcp-listeners: [1, {port: 2}]\n", func(c *Config) {
			c.Node.ID, c.LogLevel = "a", Debug
			c.TCPListeners = []TCPListener{{Port: 1, BindAddr: "0.0.0.0", Cost: 1}, {Port: 2, BindAddr: "0.0.0.0", Cost: 1}}
		}},
		{"entries without parameters", "local-only:\ncontrol-services:\n  - {service: a}\n  -\n  - {service: b}\n", func(c *Config) {
			c.ControlServices = []ControlService{
				{Service: "a", Permissions: 0o600}, {Service: "control", Permissions: 0o600}, {Service: "b", Permissions: 0o600}}
		}},
		// Deployed nodes take these for true and for no path at all.
		{"redial: false", "local-only:\ntcp-peers: [{address: 'a:1', redial: false}]\nws-listeners: [{port: 1}]\n", func(c *Config) {
			c.TCPPeers = []TCPPeer{{Address: "a:1", Cost: 1}}
			c.WSListeners = []WSListener{{Port: 1, BindAddr: "0.0.0.0", Path: "/", Cost: 1}}
		}},
		{"anchors and merges", "local-only:\ntcp-peers: &peers\n  - &a {address: 'a:1', cost: 2}\n  - {<<: *a, address: 'b:1'}\nudp-peers: *peers\n", func(c *Config) {
			c.TCPPeers = []TCPPeer{{Address: "a:1", Redial: true, Cost: 2}, {Address: "b:1", Redial: true, Cost: 2}}
			c.UDPPeers = []UDPPeer{{Address: "a:1", Redial: true, Cost: 2}, {Address: "b:1", Redial: true, Cost: 2}}
		}},
		{"JSON", `{"node": {"id": "a"}, "local-only": null}`, func(c *Config) { c.Node.ID = "a" }},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, err := fromFile(test.text)
			wantConfig(t, got, err, alone(test.change))
		})
	}
}

func TestItemsOfVersion2KeepTheirPositions(t *testing.T) {
	c, err := fromFile("node:\n  id: a\ntcp-peers:\n  - address: a:1\n    cost: 2\n  - cost: 2\n    address: b:1\n")
	if err != nil {
		t.Fatal(err)
	}
	if c.Node.Where.Line != 1 || len(c.TCPPeers) != 2 || c.TCPPeers[0].Where.Line != 4 || c.TCPPeers[1].Where.Line != 6 {
		t.Errorf("node is at %v and peers are %+v, want lines 1, 4 and 6", c.Node.Where, c.TCPPeers)
	}
}

func TestMistakesInVersion2(t *testing.T) {
	known := " (known: " + strings.Join(keys(), ", ") + ")"
	_, err := fromFile(`
version: 3
nod:
  id: a
node: [a]
tcp-peer:
  - address: a:1
tcp-peers:
  - adress: a:1
  - - a:1
udp-peers: {address: "a:1"}
work-kubernetes: [{worktype: x}]
control-services: /tmp/r.sock
ws-listeners: [~, {port: 1, path: ""}]
TCP-Peers: []
log-level: verbose
log-level: debug
? [a]
: b
<<: 3
`)
	wantProblems(t, err,
		`r.yml:18: a list or map cannot be a name: want a word and a colon`,
		`r.yml:20: "<<" merges something that is no map: want a map, or a list of maps`,
		`r.yml:2: version is "3": want 2; a file of version 1 is a list of items`,
		`r.yml:3: unknown item "nod": did you mean "node"?`+known,
		`r.yml:6: unknown item "tcp-peer": did you mean "tcp-peers"?`+known,
		`r.yml:11: udp-peers is no list: want one with an entry for each udp-peer, such as [{address: ...}]`,
		`r.yml:12: work-kubernetes is not supported in this release: want a work-command, or a deployed node for units that run as pods`,
		`r.yml:13: control-services is no list: want one with an entry for each control-service, such as [{service: ...}]`,
		`r.yml:15: "TCP-Peers" is given again: want it once, as at r.yml:8`,
		`r.yml:17: "log-level" is given again: want it once, as at r.yml:16`,
		`r.yml:5: node: id is a list: `+nodeIDMessage,
		`r.yml:9: tcp-peer: unknown parameter "adress": did you mean "address"? (known: address, redial, tls, cost, allowedpeers)`,
		`r.yml:9: tcp-peer: address is missing: `+addressMessage,
		`r.yml:10: tcp-peer: address is a list: `+addressMessage,
		`r.yml:14: ws-listener: port is missing: want a whole number from 0 to 65535`,
		`r.yml:14: ws-listener: path is "": want a path of a URL, such as "/mesh"`,
		`r.yml:16: log-level: level is "verbose": want Error, Warning, Info or Debug`)
}

// What a mistaken key might have been meant for is not complained of as missing.
func TestMistakenKeyIsTheOnlyMistake(t *testing.T) {
	_, err := fromFile("node: {id: a}\nlocal_only: {}\n")
	wantProblems(t, err, `r.yml:2: unknown item "local_only": did you mean "local-only"? (known: `+strings.Join(keys(), ", ")+")")
	_, err = fromFile("tcp-listeners:\n")
	wantProblems(t, err, `r.yml: no items in the file: want some, such as "node: {id: a}"`)
	_, err = fromFile("- node: a\n")
	if err == nil {
		t.Error("a node without backends has no mistake, so that this test shows nothing")
	}
}

// What a file may have instead is called as it is in files of that version.
func TestNoBackendsInVersion2(t *testing.T) {
	_, err := fromFile("node: a\ntcp-peers:\n")
	wantProblems(t, err, "r.yml: the node has no backends: want one of tcp-listeners, tcp-peers, udp-listeners, udp-peers, ws-listeners, ws-peers, "+
		"or local-only for a node that is to run alone")
}

// However they are found, mistakes are told in the order of the lines.
func TestMistakesAreInOrder(t *testing.T) {
	_, err := fromFile("- node:\n    id: a\n- node:\n    id: b\n- log-level: loud\n- tcp-peer:\n    adress: x\n")
	var lines []string
	for line := range strings.Lines(err.Error()) {
		place, _, _ := strings.Cut(line, ": ")
		lines = append(lines, place)
	}
	if want := []string{"r.yml:3", "r.yml:5", "r.yml:6", "r.yml:7"}; !slices.Equal(lines, want) {
		t.Errorf("mistakes at %v, want %v", lines, want)
	}
}
