package full

import (
	"bytes"
	"fmt"
)

// Difference says where two event logs part, "" if they are the same.
func Difference(first, second []byte) string {
	for number := 1; len(first) > 0 || len(second) > 0; number++ {
		var a, b []byte
		a, first, _ = bytes.Cut(first, []byte("\n"))
		b, second, _ = bytes.Cut(second, []byte("\n"))
		if !bytes.Equal(a, b) {
			return fmt.Sprintf("event %d is %s, and the second time %s", number, a, b)
		}
	}
	return ""
}
