package full

import (
	"os"
	"path/filepath"
	"testing"
)

// A user who cannot write to a cache has none, and one who can finds it empty.
func TestCacheDir(t *testing.T) {
	t.Setenv("HOME", t.TempDir())
	t.Setenv("XDG_CACHE_HOME", os.Getenv("HOME"))
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	dir := CacheDir()
	if files, err := os.ReadDir(dir); dir != filepath.Join(cache, "meshsim") || err != nil || len(files) > 0 {
		t.Errorf("the cache is %q, with %v (%v)", dir, files, err)
	}
	for what, mode := range map[string]os.FileMode{"a file": 0o600, "no folder to write to": os.ModeDir | 0o500} {
		home := filepath.Join(t.TempDir(), "home")
		switch {
		case !mode.IsDir():
			if err := os.WriteFile(home, nil, mode); err != nil {
				t.Fatal(err)
			}
		case os.Geteuid() == 0:
			continue // who may write everywhere
		default:
			if err := os.Mkdir(home, mode.Perm()); err != nil {
				t.Fatal(err)
			}
		}
		t.Setenv("HOME", home)
		t.Setenv("XDG_CACHE_HOME", home)
		if dir := CacheDir(); dir != "" {
			t.Errorf("where there is %s, the cache is %q", what, dir)
		}
	}
}
