package config

import (
	"bytes"
	"math"
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"time"

	"receptor/mesh/firewall"
)

// read parses text as the command line gives it.
func read(kind, text string) (any, error) {
	var p problems
	x, ok := kinds[kind].parse(value{node: plain(text), about: kind, problems: &p})
	if ok != (len(p.errs) == 0) {
		panic(kind + " of " + text + ": result and complaints contradict each other")
	}
	return x, p.err()
}

func TestKinds(t *testing.T) {
	accepted := map[string]map[string]any{
		"address": {"a:1": "a:1", "10.0.0.1:65535": "10.0.0.1:65535", "[fe80::1%eth0]:2": "[fe80::1%eth0]:2", ":3": ":3"},
		"bits":    {"2048": 2048, "16384": 16384},
		"bool": {"true": true, "Yes": true, "ON": true, "y": true, "t": true, "1": true,
			"False": false, "no": false, "off": false, "n": false, "f": false, "0": false},
		"command": {"bash": "bash", "sh -c 'a b'": "sh -c 'a b'"},
		"cost":    {"1": 1.0, "1.0": 1.0, ".5": 0.5, "1e3": 1000.0, "0.001": 0.001},
		"count":   {"0": 0, "1": 1, "65535": 65535},
		"size": {"0": int64(0), "1": int64(1), "10K": int64(10240), "5m": int64(5 << 20), "2G": int64(2 << 30), "1T": int64(1 << 40),
			"9223372036854775807": int64(math.MaxInt64), "8388607T": int64(8388607 << 40)},
		"stderr":    {"combined": "combined", "Separate": "separate"},
		"dns-names": {"a.example.org, *.b": []string{"a.example.org", "*.b"}, "[a]": []string{"a"}},
		"duration":  {"30s": 30 * time.Second, "3h30m": 210 * time.Minute, "1.5h": 90 * time.Minute},
		"firewall-rules": {"[]": []firewall.Rule(nil),
			`[{"action":"drop"}]`:                               []firewall.Rule{{Action: firewall.Drop}},
			" [{Action: REJECT, tonode: /a|b/, toservice: 1}] ": []firewall.Rule{{Action: firewall.Reject, ToNode: "/a|b/", ToService: "1"}}},
		"fingerprints": {strings.Repeat("0a", 32): [][]byte{bytes.Repeat([]byte{10}, 32)},
			"[" + strings.Repeat("0A:", 63) + "0a, " + strings.Repeat("ff", 32) + "]": [][]byte{bytes.Repeat([]byte{10}, 64), bytes.Repeat([]byte{255}, 32)}},
		"header":         {"X-Token: a:b": "X-Token: a:b", "a:b": "a:b", "Host: x": "Host: x"},
		"host":           {"0.0.0.0": "0.0.0.0", "::": "::", "fe80::1%eth0": "fe80::1%eth0", "localhost": "localhost"},
		"idle-time":      {"21": 21 * time.Second, "30s": 30 * time.Second, "22.5": 22500 * time.Millisecond, "2m": 2 * time.Minute},
		"listen-address": {"7324": "0.0.0.0:7324", "127.0.0.1:1": "127.0.0.1:1", ":2": ":2", "[::1]:0": "[::1]:0", "localhost:65535": "localhost:65535"},
		"level":          {"error": Error, "WARNING": Warning, "Info": Info, "dEBUG": Debug},
		"mode":           {"0600": modeOf(0o600), "0o660": modeOf(0o660), "0": modeOf(0), "0777": modeOf(0o777)},
		"name":           {"a": "a", "a b/c": "a b/c"},
		"interface":      {"mesh0": "mesh0", "a23456789012345": "a23456789012345"},
		"local-net":      {"10.0.0.4/30": netip.MustParsePrefix("10.0.0.4/30"), "10.0.0.7/30": netip.MustParsePrefix("10.0.0.4/30")},
		"networks": {"10.1.2.3/16": []netip.Prefix{netip.MustParsePrefix("10.1.0.0/16")},
			"[fd00::/8, 10.0.0.1/32]": []netip.Prefix{netip.MustParsePrefix("fd00::/8"), netip.MustParsePrefix("10.0.0.1/32")}},
		"ip-addresses": {"10.0.0.1": []netip.Addr{netip.MustParseAddr("10.0.0.1")},
			`["::ffff:10.0.0.1", "::1"]`: []netip.Addr{netip.MustParseAddr("10.0.0.1"), netip.IPv6Loopback()}},
		"key-type": {"rsa": "rsa", "RSA": "rsa", "Ed25519": "ed25519"},
		"node-costs": {`{"a": 1.5, "b": 2}`: map[string]float64{"a": 1.5, "b": 2}, " {a: 1} ": map[string]float64{"a": 1},
			`{"a":1}`: map[string]float64{"a": 1}, "{}": map[string]float64{}},
		"node":     {"a": "a", "localhost": "localhost", "LocalHost": "LocalHost", "näher": "näher"},
		"node-id":  {"a": "a", "näher": "näher", "a.b:c@d e": "a.b:c@d e", "...": "...", strings.Repeat("x", 255): strings.Repeat("x", 255)},
		"node-ids": {"a": []string{"a"}, "a, b": []string{"a", "b"}, "[a,b]": []string{"a", "b"}, `["a b"]`: []string{"a b"}},
		"path":     {"/a b": "/a b", "=": "="},
		"port":     {"0": 0, "1": 1, "65535": 65535},
		"service":  {"control": "control", "12345678": "12345678", "Ping": "Ping"},
		"time": {"2030-01-31T01:02:03Z": time.Date(2030, 1, 31, 1, 2, 3, 0, time.UTC),
			"2030-01-31T01:02:03.5+01:00": time.Date(2030, 1, 31, 1, 2, 3, 5e8, time.FixedZone("", 3600))},
		"url-path":  {"/": "/", "/a/b.c": "/a/b.c", "/a/": "/a/"},
		"words":     {"": "", "a 'b c'": "a 'b c'", `a\ b`: `a\ b`},
		"work-type": {"cat": "cat", "Remote": "Remote"},
		"ws-url":    {"ws://a": "ws://a", "wss://a.b:1/c?d": "wss://a.b:1/c?d", "WSS://[::1]:2/": "WSS://[::1]:2/"},
	}
	refused := map[string][]string{
		"address":  {"", "a", "a:", "a:0", "a:x", "a:65536", "a:-1", "::1:2", "a:1:2", "[::1]", "tcp://a:1"},
		"bits":     {"", "0", "512", "2047", "16385", "2048.0", "0x800"},
		"bool":     {"", "2", "tru", "null"},
		"command":  {"", " ", "# a", "'", "'' a", "a\\", "a\x00b"},
		"cost":     {"", "0", "-1", "NaN", ".nan", "Inf", ".inf", "-Inf", "1e999", "one", "1,5", "0.0"},
		"count":    {"", "-1", "65536", "1.0", "01", "many"},
		"size":     {"", "-1", "1.5G", "1KB", "1MM", "G", "01", "+1", "8388608T", "9223372036854775808", "1 G", "1P"},
		"stderr":   {"", "off", "stdout"},
		"duration": {"", "0", "0s", "-1s", "30", "1d", "never"},
		"firewall-rules": {"", "drop", "{action: drop}", "[drop]", "[[]]", "[~]", "[{}]", "[{action: drop}", "[{action: deny}]", "[{action: [drop]}]",
			"[{action: drop, fromnode: ''}]", "[{action: drop, fromnode: /(/}]", "[{action: drop, toservice: 123456789}]",
			"[{action: drop, Action: drop}]", "[{action: drop, ? [a] : b}]"},
		"fingerprints":   {"", "0a", "xx", strings.Repeat("0a", 28), strings.Repeat("0a", 48), strings.Repeat("0a", 32) + ",", "[]"},
		"header":         {"", "a", ": a", "a b: c", "a: ", "a: b\nc: d", "a\n: b", "ä: b", "(a): b"},
		"host":           {"", "127.0.0.1:1", "[::1]", "a/24", "a b", "\x00"},
		"idle-time":      {"", "20", "20.9s", "-30", "NaN", "Inf", "1e300", "9999999999999h", "30 s", "0"},
		"listen-address": {"", "host", "127.0.0.1:", "a:b", "::1:2", "1:2:3", "a b:1", "-1", "65536"},
		"level":          {"", "trace", "warn", "3"},
		"mode":           {"", "600", "384", "0800", "01000", "0o", "0x1ff", "-0600", "u=rw", "0 600", "0-1"},
		"name":           {"", "a\n", "\xff"},
		"node-costs":     {"", "a", "a=1", "{a}", "{a: 0}", "{a: b}", "{localhost: 1}", "{a: 1, a: 2}", "{a: -1, a: 2}", "[a]", "{a: [1]}", "{a: 1} x", "{[a]: 1}", "{a"},
		"node":           {"", ".", "..", "a/b", "a\x00", "\xff", strings.Repeat("x", 256)},
		"node-id":        {"", ".", "..", "localhost", "LocalHost", "a/b", "a\x00", "a\n", "\x7f", "\xff", strings.Repeat("x", 256)},
		"node-ids":       {"", " ", "[]", ",", "a,", "a,localhost", "[a, [b]]", "[a", "[a, ~]", "[a]: b", "[a] b"},
		"path":           {"", "a\x00b"},
		"port":           {"", "-1", "65536", "1.0", "0x10", "08", "+1", "http", "1e3", "99999999999999999999"},
		"service":        {"", "ping", "unreach", "123456789", "a\x00", "\xff", "a\tb"},
		"url-path":       {"", "a", "http://a/", "/a?b", "/a#b", "//a/b", "/%41", "/\x00"},
		"words":          {"'", `"`, `a\`, "a\x00b"},
		"work-type":      {"", "remote", "a\n", "\xff"},
		"ws-url":         {"", "a:1", "//a", "http://a", "ws:///b", "ws://me@a/", "ws://me:p@a", "ws://a:b", "ws:a", "ws://a#b", "ws://:80"},
		"dns-names":      {"", "[]", "a b", "a,", "ä.example.org"},
		"interface":      {"", "a234567890123456", "a b", "a/b", "tun%d", "a:1", "..", "a\x00"},
		"local-net":      {"", "10.0.0.0/29", "10.0.0.0", "fd00::/126", "::ffff:10.0.0.0/30"},
		"networks":       {"", "10.0.0.0", "10.0.0.0/33", "a", "[]", "10.0.0.0/8,", "::ffff:10.0.0.0/112"},
		"ip-addresses":   {"", "10.0.0", "10.0.0.1/8", "fe80::1%eth0", "a", "10.0.0.1:1"},
		"key-type":       {"", "ecdsa", "rsa2048"},
		"time":           {"", "2030-01-31", "2030-01-31 00:00:00", "2030-01-31T00:00:00", "2030-13-01T00:00:00Z", "0001-01-01T00:00:00Z", "now"},
	}
	for name, kind := range kinds {
		if len(accepted[name]) == 0 || len(refused[name]) == 0 {
			t.Errorf("kind %s is not tested", name)
		}
		for text, want := range accepted[name] {
			if got, err := read(name, text); err != nil || !reflect.DeepEqual(got, want) {
				t.Errorf("%s of %q is %v (%v), want %v", name, text, got, err, want)
			}
		}
		for _, text := range refused[name] {
			if got, err := read(name, text); err == nil {
				t.Errorf("%s of %q is %v, want an error", name, text, got)
			} else if !strings.Contains(err.Error(), "want ") {
				t.Errorf("%s of %q: the error says not what is wanted: %v", name, text, err)
			}
		}
		if kind.want == "" {
			t.Errorf("kind %s wants nothing", name)
		}
	}
}

// Whatever names a service, in any item, is checked as one.
func TestServicesAreChecked(t *testing.T) {
	for _, item := range table {
		for _, p := range item.params {
			switch p.name {
			case "service", "remoteservice", "networkname":
				if p.kind != "service" {
					t.Errorf("%s: %s is of kind %s", item.name, p.name, p.kind)
				}
			}
		}
	}
}
