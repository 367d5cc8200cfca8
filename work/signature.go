package work

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"

	"receptor/control"
)

// errNoSigningKey is for work that was to be signed.
var errNoSigningKey = errors.New("cannot sign work: signing key is empty: this node has no work-signing")

// checkSignature decides whether the client of a session may give an order.
// signed says whether orders about that work type, or that unit on another
// node, are to be signed. The owner of the node, on its Unix socket, need not.
func (m *Manager) checkSignature(o order, signed bool, s control.Session) error {
	switch {
	case !signed && o.signature != "":
		return errors.New("work type did not expect a signature")
	case !signed, s.IsLocal():
		return nil
	case o.signature == "":
		return errors.New("could not verify signature: signature is empty")
	case m.verify == nil:
		return errors.New("could not verify signature: verifying key not specified")
	}
	return m.verify(o.signature, o.hash)
}

// checkWithdrawal decides whether the client of a session may withdraw a submission
// that has not come yet: one who may submit. It says which work type that is of.
func (m *Manager) checkWithdrawal(o order, s control.Session) error {
	signed := m.signsAny() // if this is anything but a type
	if t, ok := m.lookupType(o.workType); ok {
		signed = t.VerifySignature
	}
	if !signed {
		return nil
	}
	return m.checkSignature(o, true, s)
}

// signsAny tells whether orders about any work type are to be signed.
func (m *Manager) signsAny() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, t := range m.types {
		if t.VerifySignature {
			return true
		}
	}
	return false
}

// signs returns what signs the commands to the remote node; nil for a unit
// whose commands are not to be signed.
func (r *remote) signs() (func(fields map[string]any) (string, error), error) {
	switch {
	case !r.target.SignWork:
		return nil, nil
	case r.m.sign == nil:
		return nil, errNoSigningKey
	}
	return func(fields map[string]any) (string, error) {
		if s := fields["subcommand"]; s == "status" || s == "features" {
			return "", nil // nobody verifies that
		}
		return r.m.sign(r.target.RemoteNode, commandHash(fields))
	}, nil
}

// commandHash tells one command from any other: SHA-256, in base64url without
// padding, over all fields of its JSON form but "command" and "signature". They
// are sorted by name, and each is the name and then the value, both as a length
// in bytes, a colon, and the text.
func commandHash(fields map[string]any) string {
	h := sha256.New()
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		if name == "command" || name == "signature" {
			continue
		}
		value := fieldText(fields[name])
		fmt.Fprintf(h, "%d:%s%d:%s", len(name), name, len(value), value)
	}
	return base64.RawURLEncoding.EncodeToString(h.Sum(nil))
}

// fieldText is a string itself, and the JSON of any other value.
func fieldText(value any) string {
	if text, ok := value.(string); ok {
		return text
	}
	b, err := json.Marshal(value)
	if err != nil {
		panic("work: a field of a command without a JSON form: " + err.Error())
	}
	return string(b)
}
