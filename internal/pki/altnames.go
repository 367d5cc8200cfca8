package pki

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"fmt"
	"net"
	"net/netip"
	"strings"
)

// Tags of names in a subjectAltName (RFC 5280, section 4.2.1.6).
const (
	tagOtherName = 0
	tagDNS       = 2
	tagIP        = 7
)

// altNames are the names that certificates of a mesh have.
type altNames struct {
	dns   []string
	ips   []net.IP
	nodes []string
	other int // how many there are of other kinds, which are left out
}

func altNamesOf(req *x509.CertificateRequest) (altNames, error) {
	all, err := rawNames(req.Extensions)
	if err != nil {
		return altNames{}, err
	}
	nodes, err := nodeIDs(all)
	names := altNames{dns: req.DNSNames, ips: req.IPAddresses, nodes: nodes}
	names.other = len(all) - len(names.dns) - len(names.ips) - len(nodes)
	return names, err
}

func ipsOf(addrs []netip.Addr) []net.IP {
	ips := make([]net.IP, len(addrs))
	for i, addr := range addrs {
		ips[i] = addr.AsSlice()
	}
	return ips
}

// extensions are a subjectAltName, or nothing for no names.
func (n altNames) extensions() ([]pkix.Extension, error) {
	var names []asn1.RawValue
	context := func(tag int, value []byte) asn1.RawValue {
		return asn1.RawValue{Class: asn1.ClassContextSpecific, Tag: tag, Bytes: value}
	}
	for _, name := range n.dns {
		names = append(names, context(tagDNS, []byte(name)))
	}
	for _, ip := range n.ips {
		names = append(names, context(tagIP, ip))
	}
	for _, node := range n.nodes {
		text, err := asn1.MarshalWithParams(node, "utf8")
		if err != nil {
			return nil, fmt.Errorf("node ID %q: %w", node, err)
		}
		value := context(0, text)
		value.IsCompound = true
		der, err := asn1.MarshalWithParams(otherName{oidNodeID, value}, fmt.Sprint("tag:", tagOtherName))
		if err != nil {
			return nil, fmt.Errorf("node ID %q: %w", node, err)
		}
		names = append(names, asn1.RawValue{FullBytes: der})
	}
	if names == nil {
		return nil, nil
	}
	value, err := asn1.Marshal(names)
	if err != nil {
		return nil, err
	}
	return []pkix.Extension{{Id: oidSubjectAltName, Value: value}}, nil
}

// String has a line for each name, quoted: requests come from others.
func (n altNames) String() string {
	var text strings.Builder
	for _, name := range n.dns {
		fmt.Fprintf(&text, "    DNS Name: %q\n", name)
	}
	for _, ip := range n.ips {
		fmt.Fprintf(&text, "    IP Address: %v\n", ip)
	}
	for _, node := range n.nodes {
		fmt.Fprintf(&text, "    Receptor Node ID: %q\n", node)
	}
	if n.other > 0 {
		fmt.Fprintf(&text, "    Left out: %d of other kinds\n", n.other)
	}
	return text.String()
}
