package full

import (
	"embed"
	"errors"
	"os"
	"path/filepath"
)

//go:embed built
var built embed.FS

// ErrNoGuest is for a program that was built without the guest.
var ErrNoGuest = errors.New("this meshsim was built without the guest of the full engine: build it by `make meshsim`")

// Guest returns the guest that this program was built with, or ErrNoGuest.
func Guest() ([]byte, error) {
	b, err := built.ReadFile("built/guest.wasm")
	if err != nil {
		return nil, ErrNoGuest
	}
	return b, nil
}

// CacheDir returns the folder of the user's cache for compiled guests, which it makes,
// or "" if there is none that can be written to: in a container or a job of CI the home
// of a user may be read-only, and a run can do without.
func CacheDir() string {
	cache, err := os.UserCacheDir()
	if err != nil {
		return ""
	}
	dir := filepath.Join(cache, "meshsim")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return ""
	}
	probe, err := os.CreateTemp(dir, "probe")
	if err != nil {
		return ""
	}
	probe.Close()
	os.Remove(probe.Name())
	return dir
}
