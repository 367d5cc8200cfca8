package config

import (
	"slices"
	"testing"
)

func TestSplitParams(t *testing.T) {
	tests := []struct {
		params string
		want   []string
	}{
		{"", nil},
		{"  \t\n", nil},
		{"a  b\tc\n", []string{"a", "b", "c"}},
		{`a 'b c' "d e" f\ g`, []string{"a", "b c", "d e", "f g"}},
		{`x'y z'"w"`, []string{"xy zw"}},
		{`'' ""`, []string{"", ""}},
		{`'"' "'" \' \\`, []string{`"`, "'", "'", `\`}},
		{`'a\b' "a\"b"`, []string{`a\b`, `a"b`}},
		{`a # b`, []string{"a"}},
		{`a#b`, []string{"a#b"}},
		{`$x *`, []string{"$x", "*"}},
		{"ä 'ö ü'", []string{"ä", "ö ü"}},
	}
	for _, test := range tests {
		if got, err := SplitParams(test.params); err != nil || !slices.Equal(got, test.want) {
			t.Errorf("%q splits into %q (%v), want %q", test.params, got, err, test.want)
		}
	}
	for params, want := range map[string]string{
		"it's":  `splitting the parameters "it's": EOF found when expecting closing quote`,
		`a "b`:  `splitting the parameters "a \"b": EOF found when expecting closing quote`,
		"\xff":  `splitting the parameters "\xff": it has a byte that is no text: want UTF-8 without NUL`,
		"a\x00": `splitting the parameters "a\x00": it has a byte that is no text: want UTF-8 without NUL`,
		`a\`:    `splitting the parameters "a\\": EOF found after escape character`,
	} {
		if got, err := SplitParams(params); err == nil || err.Error() != want {
			t.Errorf("%q splits into %q (%v), want error %s", params, got, err, want)
		}
	}
}
