package main

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"receptor/internal/version"
)

func TestExitCodes(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "conf.yaml")
	if err := os.WriteFile(file, []byte("- nod:\n    id: x\n- tcp-peer:\n    adress: y:1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	plain := filepath.Join(dir, "plain")
	if err := os.WriteFile(plain, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name           string
		args           []string
		code           int
		stdout, stderr []string
	}{
		{"help", []string{"--help"}, 0, []string{"--tcp-listener", "allowruntimeparams", "Exit codes"}, nil},
		{"version", []string{"--version"}, 0, []string{version.Version + "\n"}, nil},
		{"nothing", nil, exitUsage, nil, []string{"no backends", "see receptor --help"}},
		{"unknown item", []string{"--tcp-pear", "address=x:1"}, exitUsage, nil, []string{`"--tcp-pear"`, `did you mean "--tcp-peer"`}},
		{"all mistakes of a file", []string{"-c", file}, exitUsage, nil, []string{
			"receptor: " + file + ":1: ", `"nod"`, "receptor: " + file + ":4: ", `"adress"`, `did you mean "address"`,
		}},
		{"missing file", []string{"-c", filepath.Join(dir, "none")}, exitUsage, nil, []string{"no such file"}},
		{"unusable socket", []string{"--node", "id=x", "datadir=" + dir, "--local-only", "--control-service", "filename=" + plain + "/socket"}, exitFailed, nil,
			[]string{"command line: control-service: ", plain}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var stdout, stderr bytes.Buffer
			if code := run(test.args, strings.NewReader(""), &stdout, &stderr); code != test.code {
				t.Errorf("exit code %d, want %d", code, test.code)
			}
			wantAll(t, "stdout", stdout.String(), test.stdout)
			wantAll(t, "stderr", stderr.String(), test.stderr)
		})
	}
}

func wantAll(t *testing.T, name, got string, parts []string) {
	t.Helper()
	if len(parts) == 0 && got != "" {
		t.Errorf("%s: %q, want nothing", name, got)
	}
	for _, part := range parts {
		if !strings.Contains(got, part) {
			t.Errorf("%s: %q, want it to contain %q", name, got, part)
		}
	}
}

// A file is checked without being run, and comes back from the other version.
func TestCheckAndConvert(t *testing.T) {
	file := filepath.Join(t.TempDir(), "node.yaml")
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("- node: {id: a}\n- tcp-peer: {address: \"b:1\", cost: 2}\n")
	var out, errs strings.Builder
	if code := run([]string{"--config", file, "--check"}, strings.NewReader(""), &out, &errs); code != 0 || out.String() != file+": the configuration is valid\n" || errs.Len() > 0 {
		t.Errorf("check of a good file: exit code %d, %q, %q", code, &out, &errs)
	}
	out.Reset()
	if code := convert([]string{file}, &out, &errs); code != 0 || !strings.Contains(out.String(), "tcp-peers:\n") {
		t.Fatalf("convert: exit code %d, %q, %q", code, &out, &errs)
	}
	write(out.String())
	if code := run([]string{"--config", file, "--check"}, strings.NewReader(""), io.Discard, &errs); code != 0 {
		t.Errorf("check of version 2: exit code %d, %q", code, &errs)
	}
	write("- nod: {id: a}\n- tcp-peer: {addres: \"b:1\"}\n")
	if code := run([]string{"--config", file, "--check"}, strings.NewReader(""), io.Discard, &errs); code != exitUsage ||
		!strings.Contains(errs.String(), file+":1: ") || !strings.Contains(errs.String(), file+":2: ") {
		t.Errorf("check of a bad file: exit code %d, %q", code, &errs)
	}
	errs.Reset()
	out.Reset()
	if code := run([]string{"--local-only", "--check"}, strings.NewReader(""), &out, &errs); code != 0 || out.String() != "command line: the configuration is valid\n" {
		t.Errorf("check of a command line: exit code %d, %q, %q", code, &out, &errs)
	}
	for _, help := range []string{"--help", "-h"} {
		out.Reset()
		if code := convert([]string{help}, &out, &errs); code != 0 || !strings.HasPrefix(out.String(), "Usage: receptor convert FILE\n") || errs.Len() > 0 {
			t.Errorf("convert %s: exit code %d, %q, %q", help, code, &out, &errs)
		}
	}
	if code := convert(nil, io.Discard, &errs); code != exitUsage || !strings.Contains(errs.String(), "want receptor convert FILE") {
		t.Errorf("convert without a file: exit code %d, %q", code, &errs)
	}
}
