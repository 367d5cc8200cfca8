//go:build !linux

package host

// IsInit reports false: there are no containers here.
func IsInit() bool { return false }

// InitMain is never called.
func InitMain() int { return 1 }
