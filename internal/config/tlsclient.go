package config

import (
	"fmt"
	"strings"
)

// TLSClientNamed returns the tls-client of that name in a configuration file, of version 1 or 2, for programs that talk
// to the node of the file. Other items may be wrong, or unknown here: the file may be that of a deployed node.
func TLSClientNamed(file string, data []byte, name string) (TLSClient, error) {
	// Only what no item could be read from stops the search.
	var skipped problems
	version, all := readYAML(file, data, &skipped)
	if version == 0 {
		return TLSClient{}, skipped.err()
	}
	var names []string
	for _, g := range all {
		if lower(g.name) != "tls-client" {
			continue
		}
		if its := g.text("name"); its != name {
			names = append(names, quote(its))
			continue
		}
		var p problems
		item := g.decode(&p)
		if err := p.err(); err != nil {
			return TLSClient{}, err
		}
		return item.value.(TLSClient), nil
	}
	if len(names) == 0 {
		return TLSClient{}, fmt.Errorf("%s: no tls-client is in the file: want one with the name %s", file, quote(name))
	}
	return TLSClient{}, fmt.Errorf("%s: no tls-client has the name %s: want one of %s", file, quote(name), strings.Join(names, ", "))
}

// text is the value of a parameter as it was written, or "".
func (g given) text(param string) string {
	for _, p := range g.params {
		if lower(p.name) == param {
			return deref(p.value).Value
		}
	}
	return ""
}
