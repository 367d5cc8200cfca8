package scenario

import (
	"fmt"
	"strings"

	"receptor/internal/suggest"
)

// hint returns ` (did you mean "X"?)` for the known word that a mistyped one is
// near to, or the list of known words when there is none.
func hint(word string, known []string) string {
	if meant := suggest.Nearest(word, known); meant != "" {
		return fmt.Sprintf(" (did you mean %q?)", meant)
	}
	return " (known: " + strings.Join(known, ", ") + ")"
}
