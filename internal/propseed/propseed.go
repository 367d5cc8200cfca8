// Package propseed gives the properties of a test binary a seed from a committed
// file: then a run of the tests says the same everywhere, and a scheduled one
// moves the file on.
package propseed

import (
	"flag"
	"fmt"
	"os"
	"strings"
)

// Use parses the flags, and sets that of the seed (of pgregory.net/rapid) to the
// number in a file, unless the command line has one. It is for TestMain.
func Use(path string) error {
	flag.Parse()
	given := false
	flag.Visit(func(f *flag.Flag) { given = given || f.Name == "rapid.seed" })
	if given {
		return nil
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("read the seed of the properties: %w", err)
	}
	if err := flag.Set("rapid.seed", strings.TrimSpace(string(text))); err != nil {
		return fmt.Errorf("seed of the properties in %s: %w", path, err)
	}
	return nil
}
