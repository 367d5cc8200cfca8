// Package fulltest builds the guest of the full engine for tests, from the sources
// at hand.
package fulltest

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	// What is built below: without this, results of tests would be taken from
	// the cache after it has changed.
	_ "receptor/sim/guest"
)

// Guest builds the guest, with more arguments of `go build`, such as an overlay,
// if there are any.
func Guest(args ...string) ([]byte, error) {
	dir, err := os.MkdirTemp("", "guest")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	file := filepath.Join(dir, "guest.wasm")
	args = append([]string{"build", "-trimpath", "-ldflags", "-s -w", "-o", file}, args...)
	cmd := exec.Command("go", append(args, "receptor/sim/guest/wasm")...)
	cmd.Env = append(os.Environ(), "GOOS=wasip1", "GOARCH=wasm", "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("build the guest: %w\n%s", err, out)
	}
	return os.ReadFile(file)
}
