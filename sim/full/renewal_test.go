package full

import (
	"os"
	"testing"
)

// What begins once a certificate is renewed goes by the new one, without a restart, and
// nothing ends when the old one expires.
func TestRenewedCertificates(t *testing.T) {
	text, err := os.ReadFile("../../topologies/full/renewal.yaml")
	if err != nil {
		t.Fatal(err)
	}
	r, trace := play(t, string(text), 1)
	if len(r.Violations) > 0 || r.Streams != (Streams{4, 4}) || r.Units != (Units{5, 4, 5, 5}) {
		t.Errorf("streams %+v, units %+v, violations %v, want all complete but one stream and one unit to c; log:\n%.20000s", r.Streams, r.Units, r.Violations, trace)
	}
	wantNumbers(t, trace, "opened", `"stream":(\d+),"text":"service"`, "1 2 3 5")
	wantNumbers(t, trace, "ran", `"unit":(\d+)`, "1 2 3 5")
}
