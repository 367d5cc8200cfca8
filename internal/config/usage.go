package config

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"slices"
	"text/tabwriter"
)

const usageHead = `Usage: receptor [--ITEM [VALUE] [PARAMETER=VALUE]...]... [--config FILE] [--check]
       receptor convert FILE
       receptor completion bash|zsh|fish

Runs a node of a mesh, as its items say. For example:
  receptor --node id=foo --tcp-peer address=bar.example.org:2222 cost=2.5 --log-level Debug
  receptor --config /etc/receptor/receptor.conf, where that file holds
    - node: {id: foo}
    - tcp-peer: {address: "bar.example.org:2222", cost: 2.5}
    - log-level: Debug
  and the same in version 2, where what may be given more than once is a list, and its name ends in s:
    node: {id: foo}
    tcp-peers:
      - {address: "bar.example.org:2222", cost: 2.5}
    log-level: {level: Debug}

Options:
  -c, --config FILE   take the items of a YAML file, in their order, in the place of this option
  --config-v2         nothing: whether a file is of version 1 or 2 is seen from the file
  --check             start nothing: say what is wrong with the configuration, or that it is valid, and exit
  -h, --help          print this and exit
  --version           print the version and exit

"receptor convert FILE" prints a file of version 1 in version 2, and the other way round; comments are lost.
"receptor completion SHELL" prints a script for the shell to complete all this by; make install puts them in place.

The items cert-init, cert-makereq and cert-signreq stand alone, and are carried out in this order. For example:
  receptor --cert-init commonname="our mesh" bits=4096 outcert=ca.crt outkey=ca.key
  receptor --cert-makereq commonname=foo bits=4096 nodeid=foo dnsname=foo.example.org outreq=foo.req outkey=foo.key
  receptor --cert-signreq req=foo.req cacert=ca.crt cakey=ca.key outcert=foo.crt

Names of items and parameters may be written in upper or lower case. "(main)" marks the parameter
that a value without a name sets, "(may be given again)" a list that each value adds to.
`

// Usage writes the help: the options, every item with its parameters, and what may be given for each type of
// parameter. Errors of w are not reported.
func Usage(w io.Writer) {
	var out bytes.Buffer
	out.WriteString(usageHead)
	columns := tabwriter.NewWriter(&out, 0, 0, 2, ' ', 0)
	for _, spec := range table {
		often := "may be given more than once"
		if spec.once {
			often = "may be given once"
		}
		// The columns of an item end where the next one begins.
		fmt.Fprintf(columns, "\n--%s: %s It %s.\n", spec.name, spec.help, often)
		for _, p := range spec.params {
			fmt.Fprintf(columns, "  %s=%s\t%s\t%s\n", p.name, p.kind, p.presence(), p.help)
		}
	}
	fmt.Fprintf(columns, "\nTypes of parameters:\n")
	for _, name := range slices.Sorted(maps.Keys(kinds)) {
		fmt.Fprintf(columns, "  %s\t%s\n", name, kinds[name].want)
	}
	_ = columns.Flush() // to memory
	_, _ = w.Write(out.Bytes())
}

// presence says what it means to leave a parameter out.
func (s *paramSpec) presence() string {
	var text string
	switch {
	case s.required:
		text = "required"
	case s.initial != "":
		text = "default " + s.initial
	default:
		text = "default: " + s.unset
	}
	if s.main {
		text += " (main)"
	}
	if s.repeats {
		text += " (may be given again)"
	}
	return text
}
