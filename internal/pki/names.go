package pki

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"fmt"
)

var (
	oidSubjectAltName = asn1.ObjectIdentifier{2, 5, 29, 17}
	oidNodeID         = asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 2312, 19, 1}
)

var errBadAltName = errors.New("subjectAltName is malformed")

// otherName is a name of a kind that X.509 does not define itself.
type otherName struct {
	Kind  asn1.ObjectIdentifier
	Value asn1.RawValue // [0] around the name
}

// NodeIDs returns the node IDs that a certificate is for: those names in its
// subjectAltName that are otherNames of the kind 1.3.6.1.4.1.2312.19.1
// (PROTOCOL section 7).
func NodeIDs(cert *x509.Certificate) ([]string, error) {
	names, err := rawNames(cert.Extensions)
	if err != nil {
		return nil, err
	}
	return nodeIDs(names)
}

// rawNames returns the names of all kinds in a subjectAltName.
func rawNames(extensions []pkix.Extension) ([]asn1.RawValue, error) {
	var all []asn1.RawValue
	for _, extension := range extensions {
		if !extension.Id.Equal(oidSubjectAltName) {
			continue
		}
		var names []asn1.RawValue
		if rest, err := asn1.Unmarshal(extension.Value, &names); err != nil || len(rest) > 0 {
			return nil, errBadAltName
		}
		all = append(all, names...)
	}
	return all, nil
}

func nodeIDs(names []asn1.RawValue) ([]string, error) {
	var ids []string
	for _, name := range names {
		if name.Class != asn1.ClassContextSpecific || name.Tag != tagOtherName {
			continue
		}
		id, ok, err := nodeID(name)
		if err != nil {
			return nil, err
		}
		if ok {
			ids = append(ids, id)
		}
	}
	return ids, nil
}

// nodeID reads an otherName. It reports false for one of another kind.
func nodeID(name asn1.RawValue) (string, bool, error) {
	var other otherName
	if _, err := asn1.UnmarshalWithParams(name.FullBytes, &other, "tag:0"); err != nil {
		return "", false, errBadAltName
	}
	if !other.Kind.Equal(oidNodeID) {
		return "", false, nil
	}
	var id string
	if _, err := asn1.Unmarshal(other.Value.Bytes, &id); err != nil || other.Value.Class != asn1.ClassContextSpecific || other.Value.Tag != 0 {
		return "", false, fmt.Errorf("%w: a node ID is no string", errBadAltName)
	}
	return id, true, nil
}
