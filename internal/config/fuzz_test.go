package config

import (
	"math"
	"reflect"
	"strings"
	"testing"

	"receptor/mesh/firewall"
)

// FuzzParseYAML feeds any bytes as a configuration file: they make either a configuration that the rest of the daemon
// can rely on, or errors that say where to look.
func FuzzParseYAML(f *testing.F) {
	for _, seed := range []string{
		"", "- local-only\n", "- local-only:\n- node: {id: a, datadir: d, maxidleconnectiontimeout: 30s}\n- log-level: debug\n",
		"- tcp-listener:\n    port: 1\n    nodecost: {a: 1, b: .inf}\n    allowedpeers: [a, b]\n",
		"- tcp-listener: {port: 1, nodecost: '{\"b\": 2}', allowedpeers: 'a,b'}\n",
		"- tcp-peer: &a {address: 'a:1', redial: no}\n- tcp-peer: {<<: [*a, *a], cost: 2}\n",
		"- tcp-peer: &a {<<: *a, address: 'a:1'}\n", "- &a [*a]\n", "&a [*a]\n", "- ? &a {*a : b}\n  : c\n",
		"- work-command: {worktype: cat, command: cat, params: \"'a b' \\\\c\"}\n- local-only\n",
		"- control-service: {filename: f, permissions: 0600}\n- local-only\n",
		"- local-only\n- node:\n    firewallrules:\n      - {action: drop, fromnode: /a|b/}\n      - {Action: accept, <<: {toservice: c}}\n",
		"node: {id: a}\n", "version: 2\nlocal-only:\ntcp-peers: &p [{address: 'a:1'}, 'b:1']\nudp-peers: *p\n", "- a\n---\n- b\n", "- node: !x y\n", "- {<<: {node: a}}\n", "- node: \"\\0\"\n",
		"- cert-makereq: {commonname: a, bits: 2048, nodeid: [a], outreq: r, outkey: k}\n- cert-init: {notafter: 2030-01-31T00:00:00Z}\n", "- tcp-peer: {adress: 1}\n",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		items, err := ParseYAML("r.yml", data)
		if (items == nil) == (err == nil) {
			t.Errorf("%d items and error %v, want just one of them", len(items), err)
		}
		c, err := fromFile(string(data))
		if err != nil {
			for line := range strings.SplitSeq(err.Error(), "\n") {
				if !strings.HasPrefix(line, "r.yml:") {
					t.Errorf("an error without file: %s", line)
				}
			}
			return
		}
		checkInvariants(t, c)
		checkConversion(t, string(data), c)
	})
}

// checkConversion converts a valid file there and back: it must go on to mean c, whose positions it forgets.
func checkConversion(t *testing.T, text string, c *Config) {
	t.Helper()
	forget(reflect.ValueOf(c))
	for range 2 {
		text = convert(t, text)
		got, err := fromFile(text)
		wantConfig(t, got, err, c)
	}
}

// checkInvariants looks for what no configuration may hold.
func checkInvariants(t *testing.T, c *Config) {
	t.Helper()
	if c.MakesCertificates() {
		return // there is no node
	}
	if id := c.Node.ID; id == "" || len(id) > 255 || strings.ContainsAny(id, "/\x00\n") || strings.EqualFold(id, "localhost") {
		t.Errorf("node ID %q", id)
	}
	if _, err := firewall.New(c.Node.FirewallRules, c.Node.ID); err != nil {
		t.Errorf("firewall rules %v: %v", c.Node.FirewallRules, err)
	}
	if !c.LocalOnly && len(c.TCPListeners)+len(c.TCPPeers)+len(c.UDPListeners)+len(c.UDPPeers)+len(c.WSListeners)+len(c.WSPeers) == 0 {
		t.Error("no backends and not local-only")
	}
	costs := []float64{}
	for _, l := range c.TCPListeners {
		costs = append(costs, l.Cost)
		for _, cost := range l.NodeCost {
			costs = append(costs, cost)
		}
		if l.Port < 0 || l.Port > 65535 || l.Where.Line == 0 {
			t.Errorf("listener %+v", l)
		}
		if l.AllowedPeers != nil && len(l.AllowedPeers) == 0 {
			t.Error("a list of no allowed peers")
		}
	}
	for _, p := range c.TCPPeers {
		costs = append(costs, p.Cost)
		if p.Address == "" || p.Where.Line == 0 {
			t.Errorf("peer %+v", p)
		}
	}
	for _, cost := range costs {
		if !(cost > 0) || math.IsInf(cost, 0) {
			t.Errorf("cost %v", cost)
		}
	}
	for _, w := range c.WorkCommands {
		if _, err := SplitParams(w.Params); err != nil || w.WorkType == "" || w.Command == "" {
			t.Errorf("work command %+v: %v", w, err)
		}
	}
}
