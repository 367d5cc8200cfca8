package main

import (
	"fmt"
	"strings"
)

// certificate is one that a node shows to others, with the state that it has by
// the node's clock.
type certificate struct {
	Item, Name, File string
	NotAfter         string
	State            string
}

const validCertificate = "valid"

// certificates lists them; a state that asks for something is in capitals.
func (t *table) certificates(st *nodeStatus) {
	if len(st.Certificates) == 0 {
		return
	}
	t.header("Certificate", "Name      Expires               State          File")
	for _, c := range st.Certificates {
		state := c.State
		if state != validCertificate {
			state = strings.ToUpper(state)
		}
		t.row(c.Item, fmt.Sprintf("%-9s %-21s %-14s %s", c.Name, lastSeen(c.NotAfter), state, c.File))
	}
}

// warnOfCertificates says on stderr what an operator has to do.
func (a *app) warnOfCertificates(st *nodeStatus) {
	for _, c := range st.Certificates {
		if c.State != validCertificate {
			a.complain("Warning: the certificate of %s %q: %s (until %s): renew %s on node %s",
				c.Item, c.Name, c.State, lastSeen(c.NotAfter), c.File, st.NodeID)
		}
	}
}
