package config

import (
	"net/netip"
	"testing"
	"time"
)

// errandsWritten has all that may be said about certificates.
const errandsWritten = `- cert-init:
    commonname: our mesh
    keytype: Ed25519
    notbefore: 2030-01-31T00:00:00Z
    notafter: "2031-01-31T01:00:00.5+01:00"
    outcert: ca.crt
    outkey: ca.key
- cert-init: {commonname: old, bits: 2048, outcert: old.crt, outkey: old.key}
- cert-makereq:
    commonname: foo
    bits: 4096
    keytype: RSA
    dnsname: [foo.example.org, "*.example.org"]
    ipaddress: 10.0.0.1,::1
    nodeid: [foo, "7"]
    outreq: foo.req
    outkey: foo.key
- cert-makereq: {commonname: bar, inkey: bar.key, outreq: bar.req}
- cert-signreq:
    req: foo.req
    cacert: ca.crt
    cakey: ca.key
    notbefore: 2030-02-01T00:00:00Z
    notafter: 2030-03-01T00:00:00Z
    outcert: foo.crt
    verify: yes
- cert-signreq: {req: bar.req, cacert: ca.crt, cakey: ca.key, outcert: bar.crt}
`

func errands() *Config {
	day := func(month time.Month, day int) time.Time { return time.Date(2030, month, day, 0, 0, 0, 0, time.UTC) }
	return &Config{
		Node:     Node{DataDir: "/tmp/receptor", MaxIdleConnectionTimeout: 21 * time.Second, MaxPendingRelease: 168 * time.Hour, MinFreeSpace: 10 << 20},
		LogLevel: Info,
		CertInits: []CertInit{
			{CommonName: "our mesh", KeyType: "ed25519", NotBefore: day(1, 31),
				NotAfter: time.Date(2031, 1, 31, 1, 0, 0, 5e8, time.FixedZone("", 3600)), OutCert: "ca.crt", OutKey: "ca.key"},
			{CommonName: "old", Bits: 2048, KeyType: "rsa", OutCert: "old.crt", OutKey: "old.key"},
		},
		CertMakeReqs: []CertMakeReq{
			{CommonName: "foo", Bits: 4096, KeyType: "rsa", DNSNames: []string{"foo.example.org", "*.example.org"},
				IPs: []netip.Addr{netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("::1")}, NodeIDs: []string{"foo", "7"},
				OutReq: "foo.req", OutKey: "foo.key"},
			{CommonName: "bar", KeyType: "rsa", InKey: "bar.key", OutReq: "bar.req"},
		},
		CertSignReqs: []CertSignReq{
			{Req: "foo.req", CACert: "ca.crt", CAKey: "ca.key", NotBefore: day(2, 1), NotAfter: day(3, 1), OutCert: "foo.crt", Verify: true},
			{Req: "bar.req", CACert: "ca.crt", CAKey: "ca.key", OutCert: "bar.crt"},
		},
	}
}

func TestCertificatesInBothVersions(t *testing.T) {
	got, err := fromFile(errandsWritten)
	wantConfig(t, got, err, errands())
	v2 := convert(t, errandsWritten)
	wantVersion(t, 2, v2)
	got, err = fromFile(v2)
	wantConfig(t, got, err, errands())
	got, err = fromFile(convert(t, v2))
	wantConfig(t, got, err, errands())
}

func TestCertificatesOnTheCommandLine(t *testing.T) {
	got, err := fromArgs(nil,
		"--cert-init", "commonname=our mesh", "keytype=ed25519", "notbefore=2030-01-31T00:00:00Z", "notafter=2031-01-31T01:00:00.5+01:00",
		"outcert=ca.crt", "outkey=ca.key",
		"--Cert-Init", "CommonName=old", "bits=2048", "outcert=old.crt", "outkey=old.key",
		"--cert-makereq", "commonname=foo", "bits=4096", "dnsname=foo.example.org", "nodeid=foo", "dnsname=*.example.org",
		`ipaddress=["10.0.0.1"]`, "ipaddress=::1", "nodeid=7", "outreq=foo.req", "outkey=foo.key",
		"--cert-makereq", "commonname=bar", "inkey=bar.key", "outreq=bar.req",
		"--cert-signreq", "req=foo.req", "cacert=ca.crt", "cakey=ca.key", "notbefore=2030-02-01T00:00:00Z", "notafter=2030-03-01T00:00:00Z",
		"outcert=foo.crt", "verify=true",
		"--cert-signreq", "req=bar.req", "cacert=ca.crt", "cakey=ca.key", "outcert=bar.crt")
	wantConfig(t, got, err, errands())
	if !got.MakesCertificates() {
		t.Error("no certificates are made")
	}
}

// A host name is for nodes only.
func TestCertificatesNeedNoHostname(t *testing.T) {
	cl, err := ParseArgs([]string{"--cert-makereq", "commonname=a", "inkey=k", "outreq=r"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := cl.Config(files{}.read, noHostname); err != nil {
		t.Error(err)
	}
}

func TestBadCertificateItems(t *testing.T) {
	tests := []struct {
		name, text string
		want       []string
	}{
		{"beside a node", "- node: a\n- cert-makereq: {commonname: a, inkey: k, outreq: r}\n- local-only\n", []string{
			"r.yml:1: node stands beside the cert-makereq at r.yml:2, which does its work and exits: want either of them",
			"r.yml:3: local-only stands beside the cert-makereq at r.yml:2, which does its work and exits: want either of them",
		}},
		{"weak key", "- cert-init: {commonname: a, bits: 1024, outcert: c, outkey: k}\n", []string{
			`r.yml:1: cert-init: bits is "1024": want a whole number from 2048 to 16384, such as 4096; shorter keys are weak`,
		}},
		{"no bits", "- cert-init: {commonname: a, outcert: c, outkey: k}\n", []string{
			"r.yml:1: cert-init: bits is missing: want a number such as 4096, or keytype=ed25519",
		}},
		{"bits of another type", "- cert-init: {commonname: a, bits: 2048, keytype: ed25519, outcert: c, outkey: k}\n", []string{
			"r.yml:1: cert-init: bits is given, but keys of this keytype have no choice of it: want keytype=rsa, or no bits",
		}},
		{"validity", "- cert-init: {commonname: a, bits: 2048, notbefore: 2030-01-31T00:00:00Z, notafter: 2030-01-31T00:00:00Z, outcert: c, outkey: k}\n", []string{
			"r.yml:1: cert-init: notafter is not later than notbefore: want a certificate that is valid for some time",
		}},
		{"one file", "- cert-init: {commonname: a, bits: 2048, outcert: c, outkey: c}\n", []string{
			"r.yml:1: cert-init: outcert and outkey are the same file: want two",
		}},
		{"two keys", "- cert-makereq: {commonname: a, bits: 2048, inkey: k, outkey: l, outreq: r}\n", []string{
			"r.yml:1: cert-makereq: want just one of inkey, for a key there is, and outkey, for a new one",
		}},
		{"no key", "- cert-makereq: {commonname: a, bits: 2048, outreq: r}\n", []string{
			"r.yml:1: cert-makereq: want just one of inkey, for a key there is, and outkey, for a new one",
		}},
		{"bits of an old key", "- cert-makereq: {commonname: a, bits: 2048, inkey: k, outreq: r}\n", []string{
			"r.yml:1: cert-makereq: bits or keytype is given, but no key is made: want neither of them with inkey",
		}},
		{"request over key", "- cert-makereq: {commonname: a, inkey: k, outreq: k}\n", []string{
			"r.yml:1: cert-makereq: outreq is the file of the key, too: want another",
		}},
		{"certificate over key", "- cert-signreq: {req: r, cacert: c, cakey: k, outcert: k}\n", []string{
			"r.yml:1: cert-signreq: outcert is a file that is read: want another",
		}},
		{"all that is missing", "- cert-signreq:\n", []string{
			"r.yml:1: cert-signreq: req is missing: " + fileMessage,
			"r.yml:1: cert-signreq: cacert is missing: " + fileMessage,
			"r.yml:1: cert-signreq: cakey is missing: " + fileMessage,
			"r.yml:1: cert-signreq: outcert is missing: " + fileMessage,
		}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := fromFile(test.text)
			wantProblems(t, err, test.want...)
		})
	}
}
