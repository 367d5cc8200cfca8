//go:build unix

package host

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// Foreign tells who else than the user of this process, and root, could put
// another directory in the place of one, which need not be there yet: "" for
// nobody. Members of groups count as trusted.
func Foreign(dir string) string {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return ""
	}
	// By the name, where a symbolic link may be somebody's, and by what it leads to.
	if problem := foreignPath(dir); problem != "" {
		return problem
	}
	for ; ; dir = filepath.Dir(dir) {
		if real, err := filepath.EvalSymlinks(dir); err == nil {
			return foreignPath(real)
		}
		if dir == filepath.Dir(dir) {
			return ""
		}
	}
}

// foreignPath is Foreign for all that a path names on the way, from the top: below
// what is another's, nothing is of interest.
func foreignPath(path string) string {
	if parent := filepath.Dir(path); parent != path {
		if problem := foreignPath(parent); problem != "" {
			return problem
		}
	}
	info, err := os.Lstat(path)
	if err != nil {
		return "" // not there, and to be made in the directory above
	}
	owner, _ := ownerOf(info)
	switch mode := info.Mode(); {
	case owner != 0 && owner != os.Geteuid():
		return fmt.Sprintf("%s belongs to the user %d", path, owner)
	case mode.IsDir() && mode&0o002 != 0 && mode&fs.ModeSticky == 0:
		return fmt.Sprintf("anybody may change %s", path)
	}
	return ""
}
