package iprouter

import (
	"slices"
	"testing"
)

func TestParse(t *testing.T) {
	four, six := packet("10.1.2.3", "10.4.5.6"), packet("fd01::1", "fd02::2")
	if h, err := parse(four); err != nil || h.src.String() != "10.1.2.3" || h.dst.String() != "10.4.5.6" {
		t.Errorf("%v (%v)", h, err)
	}
	if h, err := parse(six); err != nil || h.src.String() != "fd01::1" || h.dst.String() != "fd02::2" {
		t.Errorf("%v (%v)", h, err)
	}
	set := func(p []byte, at int, b byte) []byte {
		p = slices.Clone(p)
		p[at] = b
		return p
	}
	for name, p := range map[string][]byte{
		"empty":                     {},
		"version 5":                 set(four, 0, 0x55),
		"IPv4, cut":                 four[:19],
		"IPv4, padded":              append(slices.Clone(four), 0),
		"IPv4, claims more":         set(four, 3, 21),
		"IPv4, claims less":         set(four, 3, 19),
		"IPv4, short header":        set(four, 0, 0x44),
		"IPv4, header beyond it":    set(four, 0, 0x46),
		"IPv6, cut":                 six[:39],
		"IPv6, padded":              append(slices.Clone(six), 0),
		"IPv6, claims more":         set(six, 5, 1),
		"IPv6 with an IPv4 address": packet("::ffff:10.0.0.1", "fd02::2"),
	} {
		if h, err := parse(p); err == nil {
			t.Errorf("%s: %v, want an error", name, h)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add(packet("10.1.2.3", "10.4.5.6"))
	f.Add(packet("fd01::1", "fd02::2"))
	f.Fuzz(func(t *testing.T, p []byte) {
		h, err := parse(p)
		if err == nil && (!h.src.IsValid() || h.src.Is4() != h.dst.Is4() || h.src.Is4() != (p[0]>>4 == 4)) {
			t.Errorf("%v of %x", h, p)
		}
	})
}
