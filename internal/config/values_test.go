package config

import (
	"io/fs"
	"strings"
	"testing"
)

func modeOf(bits uint32) fs.FileMode { return fs.FileMode(bits) }

const (
	nodeIDMessage   = `want a node ID of 1 to 255 bytes, without "/" and control characters, not "localhost", "." or ".."`
	costMessage     = `want a finite number above 0, such as 1.5`
	fileMessage     = `want the name of a file or directory`
	addressMessage  = `want HOST:PORT, such as "mesh.example.org:2222"`
	idleTimeMessage = `want a duration such as "30s" or "2m", or a number of seconds; 21s or more`
)

// Every value is complained of, at its own line, with all mistakes of a file at once.
func TestBadValues(t *testing.T) {
	tests := []struct {
		name, text string
		want       []string
	}{
		{"node", "- local-only\n- node:\n    id: LOCALHOST\n    datadir:\n    maxidleconnectiontimeout: 20s\n    firewalrules: []\n", []string{
			`r.yml:3: node: id is "LOCALHOST": ` + nodeIDMessage,
			`r.yml:4: node: datadir has no value: ` + fileMessage,
			`r.yml:5: node: maxidleconnectiontimeout is "20s": ` + idleTimeMessage,
			`r.yml:6: node: unknown parameter "firewalrules": did you mean "firewallrules"? (known: id, datadir, firewallrules, maxidleconnectiontimeout, minfreespace, maxpendingrelease)`,
		}},
		{"long value", "- local-only\n- node: " + strings.Repeat("x", 256), []string{
			`r.yml:2: node: id is "` + strings.Repeat("x", 64) + `"... (256 bytes): ` + nodeIDMessage,
		}},
		{"log level", "- local-only\n- log-level: trace\n", []string{
			`r.yml:2: log-level: level is "trace": want Error, Warning, Info or Debug`,
		}},
		{"trace", "- local-only\n- trace: true\n", []string{"r.yml:2: trace takes no value: want nothing after the name"}},
		{"trace with a parameter", "- local-only\n- trace: {level: 1}\n", []string{`r.yml:2: trace: unknown parameter "level" (there are none)`}},
		{"bare list", "- local-only\n- log-level: [Debug]\n", []string{
			`r.yml:2: log-level: level is a list: want Error, Warning, Info or Debug`,
		}},
		{"control service", "- local-only\n- control-service: /tmp/r.sock\n- control-service: {service: ping, permissions: 600, tcplistn: 1}\n", []string{
			`r.yml:2: control-service takes no value without a name: want a name of service, filename, permissions, tls, tcplisten, tcptls`,
			`r.yml:3: control-service: service is "ping": want a name of 1 to 8 bytes without control characters, other than "ping" and "unreach"`,
			`r.yml:3: control-service: permissions is "600": want permissions in octal with a leading 0, such as 0600; 0777 at most`,
			`r.yml:3: control-service: unknown parameter "tcplistn": did you mean "tcplisten"? (known: service, filename, permissions, tls, tcplisten, tcptls)`,
		}},
		{"listener", `
- tcp-listener:
    bindaddr: 127.0.0.1:1
    cost: {a: 1}
    nodecost:
      a: 0
      b/: 2
      c:
      a: 3
      d: [1]
    allowedpeers:
      - a
      - {b: c}
      - ~
    path: /
`, []string{
			`r.yml:3: tcp-listener: bindaddr is "127.0.0.1:1": want an IP address or a host name, without port or brackets`,
			`r.yml:4: tcp-listener: cost is a map: ` + costMessage,
			`r.yml:6: tcp-listener: nodecost of "a" is "0": ` + costMessage,
			`r.yml:7: tcp-listener: nodecost of "b/" is for no node: ` + nodeIDMessage,
			`r.yml:8: tcp-listener: nodecost of "c" has no value: ` + costMessage,
			`r.yml:9: tcp-listener: nodecost of "a" is given twice: want it once`,
			`r.yml:10: tcp-listener: nodecost of "d" is a list: ` + costMessage,
			`r.yml:13: tcp-listener: allowedpeers entry 2 is a map: ` + nodeIDMessage,
			`r.yml:14: tcp-listener: allowedpeers entry 3 has no value: ` + nodeIDMessage,
			`r.yml:15: tcp-listener: unknown parameter "path" (known: port, bindaddr, tls, cost, nodecost, allowedpeers)`,
			`r.yml:2: tcp-listener: port is missing: want a whole number from 0 to 65535`,
		}},
		{"peer", `
- tcp-peer:
    adress: a:1
    Redial: maybe
    cost: -1
    cost: .nan
    allowedpeers: []
- tcp-peer: {address: nowhere, allowedpeers: "[a", cost: .inf}
`, []string{
			`r.yml:3: tcp-peer: unknown parameter "adress": did you mean "address"? (known: address, redial, tls, cost, allowedpeers)`,
			`r.yml:4: tcp-peer: redial is "maybe": want true or false`,
			`r.yml:5: tcp-peer: cost is "-1": ` + costMessage,
			`r.yml:6: tcp-peer: cost is given twice: want it once`,
			`r.yml:6: tcp-peer: cost is ".nan": ` + costMessage,
			`r.yml:7: tcp-peer: allowedpeers is empty: want node IDs, such as [a, b] or "a,b"; leave it out for any`,
			`r.yml:2: tcp-peer: address is missing: ` + addressMessage,
			`r.yml:8: tcp-peer: address is "nowhere": ` + addressMessage,
			`r.yml:8: tcp-peer: allowedpeers is "[a": want node IDs, such as [a, b] or "a,b"; leave it out for any: did not find expected ',' or ']'`,
			`r.yml:8: tcp-peer: cost is ".inf": ` + costMessage,
		}},
		{"work command", "- local-only\n- work-command: {worktype: remote, params: \"it's\", verifysignatures: true}\n", []string{
			`r.yml:2: work-command: worktype is "remote": want a name without control characters, other than "remote"`,
			`r.yml:2: work-command: params is "it's": want words as for a shell, all quotes closed and no backslash at the end`,
			`r.yml:2: work-command: unknown parameter "verifysignatures": did you mean "verifysignature"? (known: worktype, command, params, allowruntimeparams, maxparallel, maxoutput, stderr, verifysignature)`,
			`r.yml:2: work-command: command is missing: ` + fileMessage,
		}},
		{"value below its name", "- tcp-listener:\n    port: 1\n    cost:\n      0\n    nodecost:\n      '{\"a\": 0}'\n", []string{
			`r.yml:4: tcp-listener: cost is "0": ` + costMessage,
			`r.yml:6: tcp-listener: nodecost of "a" is "0": ` + costMessage,
		}},
		{"merged", "- tcp-peer: &a\n    address: a:1\n    cost: 0\n- tcp-peer: {<<: *a, address: 'b:1'}\n", []string{
			`r.yml:3: tcp-peer: cost is "0": ` + costMessage,
			`r.yml:3: tcp-peer: cost is "0": ` + costMessage,
		}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			c, err := fromFile(test.text)
			wantProblems(t, err, test.want...)
			if c != nil {
				t.Errorf("a configuration beside an error: %+v", c)
			}
		})
	}
}
