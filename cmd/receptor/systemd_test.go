//go:build linux

package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// The unit file is one that systemd takes without a word.
func TestSystemdUnit(t *testing.T) {
	analyze, err := exec.LookPath("systemd-analyze")
	if err != nil {
		t.Skip("there is no systemd-analyze")
	}
	unit, err := os.ReadFile("../../packaging/systemd/receptor.service")
	if err != nil {
		t.Fatal(err)
	}
	prefix := t.TempDir()
	file := filepath.Join(prefix, "receptor.service")
	doc := filepath.Join(prefix, "share/doc/receptor")
	for _, dir := range []string{filepath.Join(prefix, "bin"), doc} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	write := func(name string, data []byte, mode os.FileMode) {
		t.Helper()
		if err := os.WriteFile(name, data, mode); err != nil {
			t.Fatal(err)
		}
	}
	write(file, bytes.ReplaceAll(unit, []byte("PREFIX"), []byte(prefix)), 0o644)
	write(filepath.Join(prefix, "bin/receptor"), []byte("#!/bin/sh\n"), 0o755)
	write(filepath.Join(doc, "service.md"), nil, 0o644)
	if out, err := exec.Command(analyze, "verify", file).CombinedOutput(); err != nil || bytes.Contains(out, []byte("receptor.service")) {
		t.Errorf("systemd-analyze verify: %v\n%s", err, out)
	}
}
