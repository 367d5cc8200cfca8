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

// CacheDir returns the folder of the user's cache for compiled guests, "" if
// there is none.
func CacheDir() string {
	dir, err := os.UserCacheDir()
	if err != nil {
		return ""
	}
	return filepath.Join(dir, "meshsim")
}
