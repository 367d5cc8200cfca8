// Package version holds the version that the binaries report.
package version

// Version is set by the build: go build -ldflags "-X receptor/internal/version.Version=1.2.3".
// A binary built without that calls itself "dev".
var Version = "dev"
