package config

import (
	"strings"
	"testing"
)

func TestComplete(t *testing.T) {
	for _, tt := range []struct {
		line string // the last word is completed
		want string // values, joined
		part bool   // there may be more
	}{
		{"--tcp-p", "--tcp-peer", false},
		{"--check --tls-c", "--tls-client", false},
		{"--conf", "--config --config-v2", false},
		{"--tcp-peer ", "address= redial= tls= cost= allowedpeers=", false},
		{"--TCP-Peer a", "address= allowedpeers=", false},
		{"--tcp-peer address=a:1 Redial=no ", "tls= cost= allowedpeers=", false},
		{"--tcp-peer redial=t", "redial=true", false},
		{"--tcp-peer REDIAL=", "REDIAL=true REDIAL=false", false},
		{"--tcp-peer nosuch=", "", false},
		{"--cert-makereq dnsname=a nodeid=b inkey=k ", "dnsname= ipaddress= nodeid=", true},
		{"--cert-init keytype=", "keytype=rsa keytype=ed25519", false},
		{"--log-level ", "Error Warning Info Debug level=", false},
		{"--log-level D", "Debug", false},
		{"--log-level Debug ", "", false},
		{"--node a ", "datadir= firewallrules= maxidleconnectiontimeout= minfreespace= maxpendingrelease=", false},
		{"--log-level=D", "--log-level=Debug", false},
		{"--log-level level=W", "level=Warning", false},
		{"--tls-client cert=", ":files(cert=)", false},
		{"-c ", ":files()", false},
		{"--config ", ":files()", false},
		{"--config=", ":files(--config=)", false},
		{"-c a.yaml --local-only ", "true false local=", false},
		{"-c a.yaml ", "", false},
		{"--nosuch ", "", false},
		{"", "", false},
		{"--", "--node", true},
	} {
		words := strings.Split(tt.line, " ")
		word := words[len(words)-1]
		answer := Complete(words[:len(words)-1], word)
		var got []string
		for _, c := range answer.Candidates {
			if strings.HasPrefix(c.Value, word) {
				got = append(got, c.Value)
			}
		}
		if answer.Files {
			got = append(got, ":files("+answer.FilesAfter+")")
		}
		text := strings.Join(got, " ")
		if text != tt.want && !(tt.part && strings.Contains(text, tt.want)) {
			t.Errorf("%q: got %q, want %q", tt.line, text, tt.want)
		}
	}
}

// Every item and parameter is offered.
func TestCompleteTable(t *testing.T) {
	for _, spec := range table {
		found := false
		for _, c := range Complete(nil, "--").Candidates {
			found = found || c.Value == "--"+spec.name && c.About == spec.help
		}
		if !found {
			t.Errorf("--%s is not offered", spec.name)
		}
		offered := map[string]bool{}
		for _, c := range Complete([]string{"--" + spec.name}, "").Candidates {
			offered[c.Value] = true
		}
		for _, p := range spec.params {
			if !offered[p.name+"="] {
				t.Errorf("--%s %s= is not offered", spec.name, p.name)
			}
		}
	}
}
