package full

import (
	"slices"
	"testing"
)

func TestJumpsForwardAreShort(t *testing.T) {
	y := yields{check: []byte{0x01, 0x01}} // two that do nothing, 0x01
	const (
		locals   = "\x00"
		open     = "\x02\x40\x03\x40\x02\x40\x02\x40\x02\x40" // a block, a loop, and three blocks
		dispatch = "\x20\x00\x0e\x04\x00\x00\x01\x02\x02\x0b" // basic blocks 1, 2 and 3 begin where they end
		closed   = "\x0b\x0b\x0b\x0b\x0b"
		jump1    = "\x41\x01\x21\x00\x0c"
		jump2    = "\x41\x02\x21\x00\x0c"
	)
	for name, c := range map[string]struct{ body, want string }{
		"forward": {
			locals + open + dispatch + jump2 + "\x02" + closed,
			locals + open + dispatch + "\x0c\x00" + closed,
		},
		"forward from within an if": {
			locals + open + dispatch + "\x41\x07\x04\x40" + jump2 + "\x03\x0b" + closed,
			locals + open + dispatch + "\x41\x07\x04\x40" + "\x0c\x01\x0b" + closed,
		},
		"back": {
			locals + open + dispatch + "\x0b" + jump1 + "\x01" + closed[1:],
			locals + open + dispatch + "\x0b" + "\x01\x01" + jump1 + "\x01" + closed[1:],
		},
		"back, from within an if that is as deep as what has ended there": {
			locals + open + dispatch + "\x0b\x41\x07\x04\x40" + jump2 + "\x02\x0b" + closed[1:],
			locals + open + dispatch + "\x0b\x41\x07\x04\x40" + "\x01\x01" + jump2 + "\x02\x0b" + closed[1:],
		},
		"to a number that the dispatch does not have": {
			locals + open + dispatch + "\x41\x04\x21\x00\x0c\x02" + closed,
			locals + open + dispatch + "\x01\x01" + "\x41\x04\x21\x00\x0c\x02" + closed,
		},
		"to another loop": {
			locals + open + dispatch + "\x03\x40" + jump2 + "\x00\x0b" + closed,
			locals + open + dispatch + "\x03\x40" + "\x01\x01" + jump2 + "\x00\x0b" + closed,
		},
		"with a table that is by something else": {
			locals + open + "\x20\x01" + dispatch[2:] + jump2 + "\x02" + closed,
			locals + open + "\x20\x01" + dispatch[2:] + "\x01\x01" + jump2 + "\x02" + closed,
		},
		"with a table that is not at the head": {
			locals + open + "\x01" + dispatch + jump2 + "\x02" + closed,
			locals + open + "\x01" + dispatch + "\x01\x01" + jump2 + "\x02" + closed,
		},
	} {
		if out := y.function(nil, reader{[]byte(c.body)}); !slices.Equal(out, []byte(c.want)) {
			t.Errorf("%s: %x, want\n%x", name, out, c.want)
		}
	}
}
