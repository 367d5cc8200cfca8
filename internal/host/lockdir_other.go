//go:build !unix

package host

// LockDir does nothing on this system.
func LockDir(string) (unlock func(), err error) { return func() {}, nil }
