package config

import (
	"testing"
)

// convert converts a file that has no mistakes.
func convert(t *testing.T, text string) string {
	t.Helper()
	out, err := Convert("r.yml", []byte(text))
	if err != nil {
		t.Fatalf("converting %s\n%v", text, err)
	}
	return string(out)
}

// wantVersion reads a file as what it should be.
func wantVersion(t *testing.T, version int, text string) {
	t.Helper()
	var p problems
	if got, _ := readYAML("r.yml", []byte(text), &p); got != version {
		t.Errorf("version %d, want %d:\n%s", got, version, text)
	}
}

func TestConvertEverythingBothWays(t *testing.T) {
	wantVersion(t, 1, everythingWritten)
	v2 := convert(t, everythingWritten)
	wantVersion(t, 2, v2)
	got, err := fromFile(v2)
	wantConfig(t, got, err, everything())
	v1 := convert(t, v2)
	wantVersion(t, 1, v1)
	got, err = fromFile(v1)
	wantConfig(t, got, err, everything())
	if again := convert(t, v1); again != v2 {
		t.Errorf("there and back again:\n%s\nwant:\n%s", again, v2)
	}
}

// The tests of both versions are of no use for what they leave out.
func TestEverythingIsEverything(t *testing.T) {
	var p problems
	_, all := readYAML("r.yml", []byte(everythingWritten+errandsWritten), &p)
	have := map[*paramSpec]bool{}
	for _, g := range all {
		spec := specOf(g.name)
		for _, param := range g.named(spec) {
			have[spec.param(param.name)] = true
		}
	}
	for _, spec := range table {
		for _, param := range spec.params {
			// An item that is only there means the default of its only parameter.
			if !have[param] && spec.name != "local-only" {
				t.Errorf("%s of %s is not in the file", param.name, spec.name)
			}
		}
	}
}

func TestConvertedFiles(t *testing.T) {
	const v1 = `# lost
- Node: foo
- tcp-peer: &a {Address: "a:1", cost: 2.50, redial: no}
- control-service: {filename: /r.sock, permissions: 0600} # lost
- tcp-peer: {<<: *a, address: b:1}
- log-level
- tcp-listener: {port: "1", nodecost: &n {<<: {A: 1, b: 2}, a: 3}, allowedpeers: [a, "1"]}
- udp-listener: {port: 2, nodecost: *n}
- work-command: {worktype: "~", command: 'true', params: "a\nb"}
- tcp-peer: c:1
`
	const v2 = `version: 2
node:
  id: foo
tcp-peers:
  - address: "a:1"
    cost: 2.50
    redial: no
  - address: b:1
    cost: 2.50
    redial: no
  - address: c:1
control-services:
  - filename: /r.sock
    permissions: 0600
log-level: {}
tcp-listeners:
  - port: "1"
    nodecost: {a: 3, A: 1, b: 2}
    allowedpeers: [a, "1"]
udp-listeners:
  - port: 2
    nodecost: {a: 3, A: 1, b: 2}
work-commands:
  - worktype: "~"
    command: 'true'
    params: "a\nb"
`
	const back = `- node:
    id: foo
- tcp-peer:
    address: "a:1"
    cost: 2.50
    redial: no
- tcp-peer:
    address: b:1
    cost: 2.50
    redial: no
- tcp-peer:
    address: c:1
- control-service:
    filename: /r.sock
    permissions: 0600
- log-level: {}
- tcp-listener:
    port: "1"
    nodecost: {a: 3, A: 1, b: 2}
    allowedpeers: [a, "1"]
- udp-listener:
    port: 2
    nodecost: {a: 3, A: 1, b: 2}
- work-command:
    worktype: "~"
    command: 'true'
    params: "a\nb"
`
	if got := convert(t, v1); got != v2 {
		t.Errorf("version 2 is\n%s\nwant\n%s", got, v2)
	}
	if got := convert(t, v2); got != back {
		t.Errorf("version 1 is\n%s\nwant\n%s", got, back)
	}
}

// A file with mistakes is not converted; what another file may add is none.
func TestConvertRefuses(t *testing.T) {
	out, err := Convert("r.yml", []byte("- node: {ids: a}\n- tcp-peer: x\n- node: b\n- tcp-listener: {port: 1, tls: other}\n"))
	wantProblems(t, err,
		`r.yml:1: node: unknown parameter "ids": did you mean "id"? (known: id, datadir, firewallrules, maxidleconnectiontimeout, minfreespace, maxpendingrelease)`,
		`r.yml:2: tcp-peer: address is "x": `+addressMessage,
		`r.yml:3: node is given again: want it once, as at r.yml:1`)
	if out != nil {
		t.Errorf("%q, want nothing beside an error", out)
	}
	if _, err := Convert("r.yml", []byte("tcp-listeners: [{port: 1, tls: other}]\n")); err != nil {
		t.Errorf("a part of a configuration: %v", err)
	}
}
