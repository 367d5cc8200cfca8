package config

import (
	"fmt"
	"strings"

	"receptor/internal/suggest"
)

// unknown describes a name that is not known: the one it is probably meant to be, and all there are.
func unknown(name string, known []string) string {
	if len(known) == 0 {
		return quote(name) + " (there are none)"
	}
	meant := ""
	if guess := suggest.Nearest(name, known); guess != "" {
		meant = fmt.Sprintf(": did you mean %q?", guess)
	}
	return fmt.Sprintf("%s%s (known: %s)", quote(name), meant, strings.Join(known, ", "))
}
