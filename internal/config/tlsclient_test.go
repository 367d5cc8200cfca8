package config

import (
	"strings"
	"testing"
)

func TestTLSClientNamed(t *testing.T) {
	const version1 = `
- node: {id: a, frobnicate: yes}
- no-such-item: {name: in}
- tls-server: {name: in, cert: s.crt}
- TLS-Client: {Name: other, rootcas: o.crt, mintls13: perhaps}
- tls-client:
    name: in
    rootcas: ca.crt
    insecureskipverify: true
`
	const version2 = `
version: 2
work-kubernetes: [{worktype: k}]
tls-clients:
  - {name: other}
  - {name: in, rootcas: ca.crt, insecureskipverify: true}
`
	for _, data := range []string{version1, version2} {
		got, err := TLSClientNamed("f", []byte(data), "in")
		if err != nil || got.RootCAs != "ca.crt" || !got.InsecureSkipVerify || got.Name != "in" {
			t.Errorf("%s: %+v (%v)", data, got, err)
		}
	}
	for _, tt := range []struct{ data, name, want string }{
		{version1, "out", `f: no tls-client has the name "out": want one of "other", "in"`},
		{version1, "other", `f:5: tls-client: mintls13 is "perhaps"`},
		{"- node: {id: a}\n", "in", `f: no tls-client is in the file: want one with the name "in"`},
		{"- tls-client: {name: in, cert: c}\n", "in", "f:1: tls-client: one of cert and key is given"},
		{"- [", "in", "f:1: YAML:"},
		{"", "in", "f: no items in the file"},
	} {
		if got, err := TLSClientNamed("f", []byte(tt.data), tt.name); err == nil || !strings.HasPrefix(err.Error(), tt.want) {
			t.Errorf("%s in %q: %+v (%v), want %s", tt.name, tt.data, got, err, tt.want)
		}
	}
}
