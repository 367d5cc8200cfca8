package config

import (
	"slices"
	"testing"
)

// mustFile is what a daemon makes of a file without mistakes.
func mustFile(t *testing.T, text string) *Config {
	t.Helper()
	c, err := fromFile(text)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestDiffOfBackends(t *testing.T) {
	const fixed = "- node: a\n- control-service: {filename: /r.sock}\n"
	const old = fixed + `
- tcp-listener: 1
- tcp-peer: {address: "a:1", allowedpeers: [a, b]}
- tcp-peer: a:2
- tcp-peer: a:2
- udp-listener: {port: 2, nodecost: {a: 1, b: 2}}
`
	tests := []struct {
		name, text string
		want       []int
	}{
		{"nothing", old, []int{0, 1, 2, 3, 4}},
		{"comments, order, spelling", `
# nothing new
- udp-listener: {NodeCost: {b: 2.0, a: 1}, port: 2}
- tcp-peer: a:2
- tcp-peer: {address: a:2, cost: 1.0, redial: yes}
- TCP-peer: {address: "a:1", allowedpeers: "a,b"}
- tcp-listener: {port: 1, bindaddr: 0.0.0.0}
` + fixed, []int{0, 2, 3, 1, 4}},
		{"changed", fixed + `
- tcp-listener: {port: 1, cost: 2}
- tcp-peer: {address: "a:1", allowedpeers: [a]}
- tcp-peer: a:2
- udp-listener: {port: 2, nodecost: {a: 1, b: 3}}
`, []int{-1, -1, 2, -1}},
		{"one more of the same", fixed + "- tcp-peer: a:2\n- tcp-peer: a:2\n- tcp-peer: a:2\n", []int{2, 3, -1}},
		{"of another kind", fixed + "- udp-peer: a:2\n- ws-listener: 1\n", []int{-1, -1}},
		{"none", fixed + "- local-only\n", nil},
		{"version 2", `
node: {id: a}
control-services: [{filename: /r.sock}]
local-only: {}
tcp-listeners: [1]
tcp-peers: ["a:2", "a:3"]
`, []int{0, 2, -1}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, err := Diff(mustFile(t, old), mustFile(t, test.text))
			if err != nil || !slices.Equal(got, test.want) {
				t.Errorf("%v (%v), want %v", got, err, test.want)
			}
		})
	}
}

func TestDiffOfTheRest(t *testing.T) {
	const want = ": a reload changes only backends and local-only: want it as it was, or a restart of the node"
	const old = "- node: a\n- tcp-listener: 1\n- log-level: debug\n- work-command: {worktype: a, command: c}\n- work-command: {worktype: b, command: c}\n"
	tests := []struct {
		name, text string
		want       []string
	}{
		{"changed", "- node: {id: a, datadir: /d}\n- local-only\n- work-command: {worktype: b, command: c}\n- work-command: {worktype: a, command: d}\n- log-level: debug\n",
			[]string{"r.yml:1: node was changed" + want, "r.yml:4: work-command was changed" + want}},
		{"added", old + "- tls-server: {name: s, cert: c, key: k}\n- work-command: {worktype: c, command: c}\n",
			[]string{"r.yml:6: tls-server was added" + want, "r.yml:7: work-command was added" + want}},
		{"removed", "- node: a\n- tcp-listener: 1\n- work-command: {worktype: a, command: c}\n",
			[]string{"r.yml:3: log-level, which was there, is gone" + want, "r.yml:5: work-command, which was there, is gone" + want}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			same, err := Diff(mustFile(t, old), mustFile(t, test.text))
			wantProblems(t, err, test.want...)
			if same != nil {
				t.Errorf("%v beside an error", same)
			}
		})
	}
}

// The name of the machine may change while the node runs: its ID does not.
func TestDiffWithoutNodeID(t *testing.T) {
	cl, err := ParseArgs([]string{"--local-only"})
	if err != nil {
		t.Fatal(err)
	}
	before, err := cl.Config(files{}.read, hostname)
	if err != nil {
		t.Fatal(err)
	}
	after, err := cl.Config(files{}.read, func() (string, error) { return "renamed", nil })
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Diff(before, after); err != nil {
		t.Error(err)
	}
}
