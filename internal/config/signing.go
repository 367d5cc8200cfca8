package config

import "time"

// A WorkSigning is the key by which this node signs commands about units of work on other nodes (PROTOCOL section 5).
type WorkSigning struct {
	Where           Position
	PrivateKey      string        `param:"privatekey" kind:"path" main:"yes" required:"yes" help:"file of the private key, of RSA or Ed25519, in PEM; deployed nodes verify RSA only"`
	TokenExpiration time.Duration `param:"tokenexpiration" kind:"duration" default:"5m" help:"how long a signature is valid"`
}

// A WorkVerification is the key by which this node verifies commands about its units of work (PROTOCOL section 5).
type WorkVerification struct {
	Where     Position
	PublicKey string `param:"publickey" kind:"path" main:"yes" required:"yes" help:"file of the public key, of RSA or Ed25519, in PEM"`
}

// checkSigning complains of work types whose signatures nobody can verify.
func checkSigning(items []Item, p *problems) {
	for _, item := range items {
		if item.spec == nil || item.Name == "work-verification" {
			return // what was not understood might have been it
		}
	}
	for _, item := range items {
		if wc, ok := item.value.(WorkCommand); ok && wc.VerifySignature {
			p.add(item.Where, "work-command: verifysignature is set for %s, but there is no key to verify by: want a work-verification, too", quote(wc.WorkType))
		}
	}
}

func parseDuration(text string) (time.Duration, bool) {
	d, err := time.ParseDuration(text)
	return d, err == nil && d > 0
}
