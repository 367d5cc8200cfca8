package main

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Certificates are made from the command line and from files, and a refusal
// leaves nothing behind.
func TestCertificates(t *testing.T) {
	dir := t.TempDir()
	in := func(name string) string { return filepath.Join(dir, name) }
	try := func(stdin string, args ...string) (int, string, string) {
		var out, errs bytes.Buffer
		code := run(args, strings.NewReader(stdin), &out, &errs)
		return code, out.String(), errs.String()
	}
	if code, _, errs := try("", "--cert-init", "commonname=ca", "keytype=ed25519", "outcert="+in("ca.crt"), "outkey="+in("ca.key")); code != 0 {
		t.Fatalf("cert-init: exit code %d, %s", code, errs)
	}
	file := in("request.yml")
	text := "version: 2\ncert-makereqs:\n  - {commonname: a, keytype: ed25519, nodeid: [a], outreq: " + in("a.req") + ", outkey: " + in("a.key") + "}\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if code, _, errs := try("", "--config", file); code != 0 {
		t.Fatalf("cert-makereq: exit code %d, %s", code, errs)
	}
	sign := []string{"--cert-signreq", "req=" + in("a.req"), "cacert=" + in("ca.crt"), "cakey=" + in("ca.key"), "outcert=" + in("a.crt")}
	for stdin, want := range map[string]string{"no\n": "nothing is signed", "": "the input ended without an answer"} {
		code, out, errs := try(stdin, sign...)
		if code != exitFailed || !strings.HasSuffix(out, `Receptor Node ID: "a"`+"\nSign certificate (yes/no)? ") || !strings.Contains(errs, want) {
			t.Errorf("answer %q: exit code %d, %q, %q, want %d and %q", stdin, code, out, errs, exitFailed, want)
		}
		if _, err := os.Stat(in("a.crt")); err == nil {
			t.Fatalf("answer %q: a certificate was written", stdin)
		}
	}
	if code, _, errs := try("yes", sign...); code != 0 {
		t.Errorf("answer yes: exit code %d, %s", code, errs)
	}
	for _, name := range []string{"ca.crt", "ca.key", "a.req", "a.key", "a.crt"} {
		if info, err := os.Stat(in(name)); err != nil || info.Mode() != fs.FileMode(0o600) {
			t.Errorf("%s: %v (%v), want a file that only its owner may use", name, info, err)
		}
	}
	if code, _, errs := try("", append(sign, "verify=true", "--node", "a")...); code != exitUsage || !strings.Contains(errs, "want either of them") {
		t.Errorf("beside a node: exit code %d, %s", code, errs)
	}
}
