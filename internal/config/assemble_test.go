package config

import (
	"errors"
	"io/fs"
	"strings"
	"testing"
)

func TestItemsThatDoNotFitTogether(t *testing.T) {
	const serviceMessage = `want a name of 1 to 8 bytes without control characters, other than "ping" and "unreach"`
	const backends = "the node has no backends: want one of tcp-listener, tcp-peer, udp-listener, udp-peer, ws-listener, ws-peer, or local-only for a node that is to run alone"
	tests := []struct {
		name, text string
		want       []string
	}{
		{"repeated", "- node: a\n- local-only\n- node: b\n- log-level\n- Log-Level: Debug\n- local-only\n- node: c\n", []string{
			`r.yml:3: node is given again: want it once, as at r.yml:1`,
			`r.yml:5: log-level is given again: want it once, as at r.yml:4`,
			`r.yml:6: local-only is given again: want it once, as at r.yml:2`,
			`r.yml:7: node is given again: want it once, as at r.yml:1`,
		}},
		{"names taken", `
- local-only
- work-command: {worktype: cat, command: cat}
- control-service: {filename: /a}
- work-command: {worktype: Cat, command: cat}
- work-command: {worktype: cat, command: other}
- control-service: {service: b, filename: /a}
- control-service:
- control-service: {service: c}
- control-service: {service: d, filename: /x/../a}
`, []string{
			`r.yml:6: work-command: worktype "cat" is taken by the work-command at r.yml:3: want another`,
			`r.yml:7: control-service: filename "/a" is taken by the control-service at r.yml:4: want another`,
			`r.yml:8: control-service: service "control" is taken by the control-service at r.yml:4: want another`,
			`r.yml:10: control-service: filename "/x/../a" is taken by the control-service at r.yml:4: want another`,
		}},
		{"ports taken", `
- tcp-listener: {port: 1}
- ws-listener: {port: 1, bindaddr: 127.0.0.1}
- udp-listener: {port: 1}
- control-service: {tcplisten: "[::1]:1"}
- control-service: {service: b, tcplisten: 2}
- tcp-server: {port: 2, remotenode: a, remoteservice: b}
- tcp-listener: {port: 3, bindaddr: 127.0.0.1}
- control-service: {service: c, tcplisten: "127.0.0.2:3"}
- tcp-listener: {port: 3, bindaddr: 127.0.0.2}
- udp-server: {port: 1, bindaddr: "::", remotenode: a, remoteservice: b}
- tcp-listener: 0
- tcp-listener: 0
`, []string{
			`r.yml:3: ws-listener: tcp port 1 of "127.0.0.1" is taken by the tcp-listener at r.yml:2: want another`,
			`r.yml:5: control-service: tcp port 1 of "::1" is taken by the tcp-listener at r.yml:2: want another`,
			`r.yml:7: tcp-server: tcp port 2 of "0.0.0.0" is taken by the control-service at r.yml:6: want another`,
			`r.yml:10: tcp-listener: tcp port 3 of "127.0.0.2" is taken by the control-service at r.yml:9: want another`,
			`r.yml:11: udp-server: udp port 1 of "::" is taken by the udp-listener at r.yml:4: want another`,
		}},
		{"signatures that nobody can verify", `
- local-only
- work-command: {worktype: cat, command: cat, verifysignature: yes}
- work-command: {worktype: date, command: date}
`, []string{
			`r.yml:3: work-command: verifysignature is set for "cat", but there is no key to verify by: want a work-verification, too`,
		}},
		{"signatures that perhaps somebody can verify", `
- local-only
- work-command: {worktype: cat, command: cat, verifysignature: yes}
- work-verification:
`, []string{
			`r.yml:4: work-verification: publickey is missing: want the name of a file or directory`,
		}},
		{"names of no service", `
- local-only
- control-service: {service: ping}
- control-service: {service: unreach}
- control-service: {service: controls1}
- control-service: {service: ok, tcplisten: "host"}
`, []string{
			`r.yml:3: control-service: service is "ping": ` + serviceMessage,
			`r.yml:4: control-service: service is "unreach": ` + serviceMessage,
			`r.yml:5: control-service: service is "controls1": ` + serviceMessage,
			`r.yml:6: control-service: tcplisten is "host": want PORT or HOST:PORT of this machine, such as 7324 or "127.0.0.1:7324"; port 0 takes a free one`,
		}},
		{"names of nothing", `
- tls-server: {name: s, cert: c, key: k}
- tls-server: {name: s, cert: c, key: k}
- tls-client: {name: s}
- tls-client: {name: other}
- tcp-listener: {port: 1, tls: other}
- ws-listener: {port: 2, tls: default}
- tcp-peer: {address: "a:1", tls: othr}
- tcp-peer: {address: "a:2", tls: default}
- ws-peer: {address: "wss://a", tls: s}
`, []string{
			`r.yml:3: tls-server: name "s" is taken by the tls-server at r.yml:2: want another`,
			`r.yml:6: tcp-listener: tls names no tls-server: "other" (known: s, s)`,
			`r.yml:7: ws-listener: tls names no tls-server: "default" (known: s, s)`,
			`r.yml:8: tcp-peer: tls names no tls-client: "othr": did you mean "other"? (known: s, other, default)`,
		}},
		{"contradictions", `
- ws-peer: {address: "ws://a", tls: default}
- tls-client: {name: a, cert: c}
- tls-client: {name: b, key: k}
- tls-server: {name: c, cert: c, key: k, pinnedclientcert: ` + strings.Repeat("00", 32) + `}
`, []string{
			`r.yml:2: ws-peer: tls is given, but the scheme of the address has none: want wss, or no tls`,
			`r.yml:3: tls-client: one of cert and key is given: want both, or neither`,
			`r.yml:4: tls-client: one of cert and key is given: want both, or neither`,
			`r.yml:5: tls-server: pinnedclientcert is given, but certificates of clients are not asked for: want requireclientcert or clientcas, too`,
		}},
		// The name might have been that of the item with the mistake.
		{"name of a mistake", "- tls-server: {name: s}\n- tcp-listener: {port: 1, tls: s}\n", []string{
			`r.yml:1: tls-server: cert is missing: want the name of a file or directory`,
			`r.yml:1: tls-server: key is missing: want the name of a file or directory`,
		}},
		{"not supported", "- local-only\n- Work-Kubernetes: {worktype: x, authmethod: incluster}\n", []string{
			"r.yml:2: work-kubernetes is not supported in this release: want a work-command, or a deployed node for units that run as pods",
		}},
		{"no backends", "- node: a\n- control-service:\n", []string{"r.yml: " + backends}},
		{"denied local-only", "- local-only: false\n", []string{"r.yml: " + backends}},
		{"no backends, and more", "- control-service: {permissions: 1}\n", []string{
			`r.yml:1: control-service: permissions is "1": want permissions in octal with a leading 0, such as 0600; 0777 at most`,
			"r.yml: " + backends,
		}},
		// The mistake is the only one.
		{"bad backend", "- tcp-listener: 65536\n", []string{`r.yml:1: tcp-listener: port is "65536": want a whole number from 0 to 65535`}},
		{"bad local-only", "- local-only: perhaps\n", []string{`r.yml:1: local-only: local is "perhaps": want true or false`}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := fromFile(test.text)
			wantProblems(t, err, test.want...)
		})
	}
	_, err := fromArgs(nil)
	wantProblems(t, err, "command line: "+backends)
	_, err = fromArgs(nil, "--local-only", "--work-kubernetes", "worktype=x")
	wantProblems(t, err, "command line: work-kubernetes is not supported in this release: want a work-command, or a deployed node for units that run as pods")
}

func TestBackendsMakeLocalOnlyUnnecessary(t *testing.T) {
	for _, item := range []string{"--tcp-listener=0", "--tcp-peer=a:1", "--udp-listener=0", "--udp-peer=a:1", "--ws-listener=0", "--ws-peer=ws://a"} {
		if c, err := fromArgs(nil, item); err != nil || c.LocalOnly {
			t.Errorf("%s: local-only %v, error %v, want neither", item, c != nil && c.LocalOnly, err)
		}
	}
}

func TestFilesAndLineAreOneConfiguration(t *testing.T) {
	disk := files{"a.yml": "- node: a\n- tcp-peer: x\n", "b.yml": "- node: b\n"}
	_, err := fromArgs(disk, "--work-command", "-c", "a.yml", "--node", "c", "-c", "b.yml", "-c", "none.yml")
	wantProblems(t, err,
		`command line: work-command: worktype is missing: want a name without control characters, other than "remote"`,
		`command line: work-command: command is missing: want the name of a file or directory`,
		`a.yml:2: tcp-peer: address is "x": want HOST:PORT, such as "mesh.example.org:2222"`,
		`command line: reading the configuration file "none.yml": file does not exist`,
		`command line: node is given again: want it once, as at a.yml:1`,
		`b.yml:1: node is given again: want it once, as at a.yml:1`)
	if !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the error hides that a file does not exist: %v", err)
	}
	_, err = fromArgs(nil, "-c", "none.yml")
	wantProblems(t, err, `command line: reading the configuration file "none.yml": file does not exist`)
}

func TestHostNameIsTheDefaultID(t *testing.T) {
	name := func(name string) func() (string, error) { return func() (string, error) { return name, nil } }
	tests := []struct {
		args     []string
		hostname func() (string, error)
		want     string // empty if there is an error
		problem  string
	}{
		{[]string{"--local-only"}, name("h"), "h", ""},
		{[]string{"--local-only", "--node", "datadir=d"}, name("h"), "h", ""},
		{[]string{"--local-only", "--node", "a"}, noHostname, "a", ""},
		{[]string{"--local-only"}, noHostname, "",
			"command line: node: id is missing, and the host name cannot be had (no name here): " + nodeIDMessage},
		{[]string{"--local-only"}, name("localhost"), "",
			`command line: node: id is missing, and the host name is "localhost": ` + nodeIDMessage},
		// The ID might be what is wrong.
		{[]string{"--local-only", "--node", "ids=a"}, noHostname, "",
			`command line: node: unknown parameter "ids": did you mean "id"? (known: id, datadir, firewallrules, maxidleconnectiontimeout, minfreespace, maxpendingrelease)`},
		{[]string{"-c", "r.yml"}, name(""), "",
			`r.yml:2: node: id is missing, and the host name is "": ` + nodeIDMessage},
	}
	for _, test := range tests {
		cl, err := ParseArgs(test.args)
		if err != nil {
			t.Fatal(err)
		}
		c, err := cl.Config(files{"r.yml": "- local-only\n- node: {datadir: d}\n"}.read, test.hostname)
		switch {
		case test.problem != "":
			wantProblems(t, err, test.problem)
		case err != nil:
			t.Errorf("%q: %v", test.args, err)
		case c.Node.ID != test.want:
			t.Errorf("%q: the node is %q, want %q", test.args, c.Node.ID, test.want)
		}
	}
}
