//go:build !windows

package host

import "os"

func syncDir(d *os.File) error { return d.Sync() }
