package config

import (
	"net/netip"
	"strings"
	"time"
)

// Types of private keys.
const (
	KeyRSA     = "rsa"
	KeyEd25519 = "ed25519"
)

// A CertInit makes a certificate authority (PROTOCOL section 6).
type CertInit struct {
	Where      Position
	CommonName string    `param:"commonname" kind:"name" required:"yes" help:"common name of the authority"`
	Bits       int       `param:"bits" kind:"bits" unset:"required for keytype rsa" help:"length of its RSA key"`
	KeyType    string    `param:"keytype" kind:"key-type" default:"rsa" help:"type of its key; cert-signreq of deployed nodes reads RSA keys only"`
	NotBefore  time.Time `param:"notbefore" kind:"time" unset:"now" help:"when its certificate becomes valid"`
	NotAfter   time.Time `param:"notafter" kind:"time" unset:"in 10 years" help:"when its certificate expires"`
	OutCert    string    `param:"outcert" kind:"path" required:"yes" help:"file to write its certificate to, in PEM"`
	OutKey     string    `param:"outkey" kind:"path" required:"yes" help:"file to write its private key to, in PEM, readable by its owner only"`
}

func (c CertInit) check() string {
	if c.OutCert == c.OutKey {
		return "outcert and outkey are the same file: want two"
	}
	if wrong := checkKey(c.KeyType, c.Bits); wrong != "" {
		return wrong
	}
	return checkValidity(c.NotBefore, c.NotAfter)
}

// A CertMakeReq requests a certificate (PROTOCOL section 6).
type CertMakeReq struct {
	Where      Position
	CommonName string       `param:"commonname" kind:"name" required:"yes" help:"common name to request"`
	Bits       int          `param:"bits" kind:"bits" unset:"required for a new key of keytype rsa" help:"length of the new RSA key"`
	KeyType    string       `param:"keytype" kind:"key-type" default:"rsa" help:"type of the new key"`
	DNSNames   []string     `param:"dnsname" kind:"dns-names" repeats:"yes" unset:"none" help:"DNS names to request"`
	IPs        []netip.Addr `param:"ipaddress" kind:"ip-addresses" repeats:"yes" unset:"none" help:"IP addresses to request"`
	NodeIDs    []string     `param:"nodeid" kind:"node-ids" repeats:"yes" unset:"none" help:"node IDs to request"`
	InKey      string       `param:"inkey" kind:"path" unset:"a new key" help:"file of the private key to use, in PEM"`
	OutReq     string       `param:"outreq" kind:"path" required:"yes" help:"file to write the request to, in PEM"`
	OutKey     string       `param:"outkey" kind:"path" unset:"required without inkey" help:"file to write a new private key to, in PEM, readable by its owner only"`
}

func (c CertMakeReq) check() string {
	switch {
	case (c.InKey == "") == (c.OutKey == ""):
		return "want just one of inkey, for a key there is, and outkey, for a new one"
	case c.OutReq == c.InKey || c.OutReq == c.OutKey:
		return "outreq is the file of the key, too: want another"
	case c.InKey == "":
		return checkKey(c.KeyType, c.Bits)
	case c.Bits != 0 || c.KeyType != KeyRSA:
		return "bits or keytype is given, but no key is made: want neither of them with inkey"
	}
	return ""
}

// A CertSignReq signs a request by an authority (PROTOCOL section 6).
type CertSignReq struct {
	Where     Position
	Req       string    `param:"req" kind:"path" required:"yes" help:"file of the request, in PEM"`
	CACert    string    `param:"cacert" kind:"path" required:"yes" help:"file of the certificate of the authority, in PEM"`
	CAKey     string    `param:"cakey" kind:"path" required:"yes" help:"file of its private key, in PEM"`
	NotBefore time.Time `param:"notbefore" kind:"time" unset:"now" help:"when the certificate becomes valid"`
	NotAfter  time.Time `param:"notafter" kind:"time" unset:"in 1 year" help:"when the certificate expires"`
	OutCert   string    `param:"outcert" kind:"path" required:"yes" help:"file to write the certificate to, in PEM"`
	Verify    bool      `param:"verify" kind:"bool" default:"false" help:"whether to sign without asking"`
}

func (c CertSignReq) check() string {
	if c.OutCert == c.Req || c.OutCert == c.CACert || c.OutCert == c.CAKey {
		return "outcert is a file that is read: want another"
	}
	return checkValidity(c.NotBefore, c.NotAfter)
}

// MakesCertificates reports whether the configuration asks for certificates, and for no node.
func (c *Config) MakesCertificates() bool {
	return len(c.CertInits)+len(c.CertMakeReqs)+len(c.CertSignReqs) > 0
}

func checkKey(keyType string, bits int) string {
	switch {
	case keyType == KeyRSA && bits == 0:
		return "bits is missing: want a number such as 4096, or keytype=" + KeyEd25519
	case keyType != KeyRSA && bits != 0:
		return "bits is given, but keys of this keytype have no choice of it: want keytype=" + KeyRSA + ", or no bits"
	}
	return ""
}

func checkValidity(notBefore, notAfter time.Time) string {
	if !notAfter.IsZero() && !notAfter.After(notBefore) {
		return "notafter is not later than notbefore: want a certificate that is valid for some time"
	}
	return ""
}

// checkErrands complains of items for a node beside those that make something and exit.
func checkErrands(items []Item, p *problems) {
	for _, errand := range items {
		if errand.spec == nil || !errand.spec.errand {
			continue
		}
		for _, item := range items {
			if item.spec != nil && !item.spec.errand {
				p.add(item.Where, "%s stands beside the %s at %v, which does its work and exits: want either of them", item.Name, errand.Name, errand.Where)
			}
		}
		return
	}
}

const (
	wantBits = "a whole number from 2048 to 16384, such as 4096; shorter keys are weak"
	wantDNS  = `names such as [a.example.org, b.example.org] or "a.example.org,b.example.org"`
	wantIPs  = `IP addresses such as [10.0.0.1, "::1"] or "10.0.0.1,::1"`
)

func parseBits(text string) (int, bool) {
	n, ok := parsePort(text) // as strict about its digits
	return n, ok && n >= 2048 && n <= 16384
}

func parseKeyType(text string) (string, bool) {
	text = strings.ToLower(text)
	return text, text == KeyRSA || text == KeyEd25519
}

// parseDNSName takes what can stand in a certificate: ASCII.
func parseDNSName(text string) (string, bool) {
	return text, text != "" && !strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r > '~' })
}

func parseIP(text string) (netip.Addr, bool) {
	ip, err := netip.ParseAddr(text)
	return ip.Unmap(), err == nil && ip.Zone() == ""
}

func parseTime(text string) (time.Time, bool) {
	t, err := time.Parse(time.RFC3339, text)
	return t, err == nil && !t.IsZero()
}
