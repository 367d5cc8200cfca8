package guest

import (
	"cmp"
	"crypto/ed25519"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io/fs"
	"maps"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"sync"
	"time"

	"receptor/internal/config"
	"receptor/internal/pki"
	"receptor/sim/scenario"
	"receptor/sim/truth"
	"receptor/transport"
	"receptor/transport/tcp"
)

// Files of every machine that has to do with certificates and signatures.
const (
	authorityFile   = "/etc/receptor/ca.crt"
	authorityKey    = "/etc/receptor/ca.key" // which the machines do not have
	certificateFile = "/etc/receptor/node.crt"
	certificateKey  = "/etc/receptor/node.key"
	signingKey      = "/etc/receptor/signing.key"
	verifyingKey    = "/etc/receptor/signing.pub"
)

// tlsItem is the name of both the tls-server and the tls-client of a node.
const tlsItem = "node"

// signedType is the work type of units that must be signed.
const signedType = "signed"

// files are what a machine has beside its disk. Its methods may be called from any
// goroutine.
type files struct {
	mu   sync.Mutex
	data map[string][]byte
}

func (f *files) read(name string) ([]byte, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	data, ok := f.data[name]
	if !ok {
		return nil, fmt.Errorf("open %s: %w", name, fs.ErrNotExist)
	}
	return data, nil
}

func (f *files) has(name string) bool {
	_, err := f.read(name)
	return err == nil
}

// write puts files in place, all at once.
func (f *files) write(data map[string][]byte) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.data == nil {
		f.data = make(map[string][]byte)
	}
	maps.Copy(f.data, data)
}

// notary makes the certificates and keys of a run, as cert-init and its kind do.
type notary struct {
	start time.Time
	files files // of the authority, and what it has made last
}

func (n *notary) issuer() pki.Issuer {
	write := func(name string, data []byte) error {
		n.files.write(map[string][]byte{name: data})
		return nil
	}
	return pki.Issuer{
		ReadFile: n.files.read, WriteFile: write, WriteSecret: write, Now: func() time.Time { return n.start },
		Confirm: func(string) (string, error) { return "", fs.ErrInvalid }, // everything is to be signed without a question
	}
}

// at is a moment of the run.
func (n *notary) at(since time.Duration) time.Time { return n.start.Add(since) }

// equip writes the certificates and keys that the machines of a scenario need. What
// they have in common is made once.
func (w *world) equip() error {
	if w.scenario.Secured() != "" {
		if err := w.certify(); err != nil {
			return err
		}
	}
	if slices.ContainsFunc(w.scenario.Units, func(u scenario.Unit) bool { return u.Signed }) {
		return w.makeSigningKeys()
	}
	return nil
}

// certify has an authority sign a certificate for each node.
func (w *world) certify() error {
	w.notary = &notary{start: w.log.start}
	from, until := scenario.Certificate{}.Span()
	ca := config.CertInit{
		CommonName: "simulated", KeyType: config.KeyEd25519, OutCert: authorityFile, OutKey: authorityKey,
		NotBefore: w.notary.at(from), NotAfter: w.notary.at(until),
	}
	if err := w.notary.issuer().Run(&config.Config{CertInits: []config.CertInit{ca}}); err != nil {
		return err
	}
	for _, node := range w.scenario.Nodes {
		if err := w.issue(node, node.Certificate); err != nil {
			return err
		}
	}
	return nil
}

// issue has the authority sign a certificate for a node, and puts it in the files of its
// machine.
func (w *world) issue(node scenario.Node, c scenario.Certificate) error {
	const request = "request"
	n := w.notary
	from, until := c.Span()
	err := n.issuer().Run(&config.Config{
		CertMakeReqs: []config.CertMakeReq{{
			CommonName: node.ID, KeyType: config.KeyEd25519, IPs: []netip.Addr{netip.MustParseAddr("127.0.0.1")},
			NodeIDs: []string{cmp.Or(node.Certificate.Node, node.ID)}, OutReq: request, OutKey: certificateKey,
		}},
		CertSignReqs: []config.CertSignReq{{
			Req: request, CACert: authorityFile, CAKey: authorityKey, NotBefore: n.at(from), NotAfter: n.at(until), OutCert: certificateFile, Verify: true,
		}},
	})
	if err != nil {
		return fmt.Errorf("certificate of %s: %w", node.ID, err)
	}
	made := make(map[string][]byte)
	for _, name := range []string{authorityFile, certificateFile, certificateKey} {
		made[name], _ = n.files.read(name) // they have just been written
	}
	w.machines[node.ID].files.write(made)
	return nil
}

// makeSigningKeys gives all nodes the one pair of keys for signatures of units.
func (w *world) makeSigningKeys() error {
	public, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		return err
	}
	secret, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return err
	}
	open, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		return err
	}
	for _, m := range w.machines {
		m.files.write(map[string][]byte{
			signingKey:   pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret}),
			verifyingKey: pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: open}),
		})
	}
	return nil
}

// secureArguments are what the daemon is told about certificates and signatures.
func (m *machine) secureArguments() (args []string) {
	node := m.world.scenario.Nodes[m.number]
	if m.files.has(certificateFile) {
		// A node does not start with a certificate for another one unless it is told to.
		show := []string{"name=" + tlsItem, "cert=" + certificateFile, "key=" + certificateKey,
			"skipreceptornamescheck=" + strconv.FormatBool(node.Certificate.Node != "")}
		args = append(append(append(args, "--tls-server"), show...), "requireclientcert=true", "clientcas="+authorityFile)
		args = append(append(append(args, "--tls-client"), show...), "rootcas="+authorityFile)
	}
	if m.files.has(signingKey) {
		args = append(args,
			"--work-signing", "privatekey="+signingKey, "tokenexpiration="+node.Tokens().String(),
			"--work-verification", "publickey="+verifyingKey)
		args = append(append(args, m.workCommand(signedType)...), "verifysignature=true")
	}
	return args
}

// net is how a daemon makes the connections of a link over TLS: frames of the cable
// are then pieces of a stream of bytes.
func (i *incarnation) net(c *cable) tcp.Net {
	return tcp.Net{
		Listen: func(string) (net.Listener, error) { return c.listenBytes(i) },
		Dial:   c.dialBytes(i),
	}
}

func (i *incarnation) newSecureListener(addr string, config *tls.Config, warn func(error)) transport.Backend {
	return i.net(i.cable(addr)).NewListener(addr, config, warn)
}

func (i *incarnation) newSecureDialer(addr string, config *tls.Config, opts transport.DialOptions) transport.Backend {
	return i.net(i.cable(addr)).NewDialer(addr, config, opts)
}

// believes reports whether each end of a link would believe the certificate of the
// other now, and how long that stays so.
func (w *world) believes(l scenario.Link) (both bool, lasts time.Duration) {
	both, lasts = true, never
	if !l.TLS {
		return both, lasts
	}
	for _, ends := range [][2]string{{l.From, l.To}, {l.To, l.From}} {
		judge := w.machines[ends[0]].life
		if judge == nil {
			continue // there is no link
		}
		now, v := judge.Now(), w.validity(w.shows(ends[1]))
		both = both && v.covers(now)
		for _, edge := range []time.Time{v.first, v.last.Add(1)} {
			if now.Before(edge) {
				lasts = min(lasts, judge.wait(edge.Sub(now)))
			}
		}
	}
	return both, lasts
}

// trusts reports whether the ends of the link believe each other, for a drawing. A
// link that is up stays so when they no longer do, so nothing can be claimed of it
// then. It requires the mutex.
func (c *cable) trusts(w *world, d *truth.Drawing) bool {
	for _, m := range c.machines {
		c.trusted = c.trusted && m.serves()
	}
	both, _ := w.believes(c.link)
	if both {
		c.trusted = true
	} else if c.trusted {
		d.Conditions.Unclear = true
	}
	d.Conditions.Redial = d.Conditions.Redial || w.scenario.MayRefuse(c.link)
	return both
}
