package firewall

import (
	"fmt"
	"regexp"
	"regexp/syntax"
	"strings"

	"receptor/mesh/wire"
)

// What complete "want ..." in messages about the fields of rules.
const (
	WantNode    = "a node ID, or a regular expression between slashes, such as /edge-[0-9]+/"
	WantService = "a service name of 1 to 8 bytes, or a regular expression between slashes, such as /web.*/"
)

// pattern matches names; the zero value matches all of them.
type pattern struct {
	exactly string
	re      *regexp.Regexp
}

func (p *pattern) matchString(name string) bool {
	if p.re != nil {
		return p.re.MatchString(name)
	}
	return p.exactly == "" || p.exactly == name
}

func (p *pattern) match(name []byte) bool {
	if p.re != nil {
		return p.re.Match(name)
	}
	return p.exactly == "" || p.exactly == string(name)
}

// CheckNode reports why text cannot be the fromnode or tonode of a rule, or
// nil.
func CheckNode(text string) error {
	_, err := parseNode(text)
	return err
}

// CheckService reports why text cannot be the fromservice or toservice of a
// rule, or nil.
func CheckService(text string) error {
	_, err := parseService(text)
	return err
}

func parseNode(text string) (pattern, error) {
	return parse(text, WantNode, wire.CheckNodeID)
}

func parseService(text string) (pattern, error) {
	return parse(text, WantService, func(name string) error {
		_, err := wire.ParseService(name)
		return err
	})
}

// parse reads a pattern that, if it is a name, must be one that check takes.
func parse(text, want string, check func(string) error) (pattern, error) {
	if text == "" {
		return pattern{}, nil
	}
	if !strings.HasPrefix(text, "/") {
		if err := check(text); err != nil {
			return pattern{}, fmt.Errorf("%w: want %s", err, want)
		}
		return pattern{exactly: text}, nil
	}
	expr, closed := strings.CutSuffix(text[1:], "/")
	if !closed || expr == "" {
		return pattern{}, fmt.Errorf("%q begins with a slash, but is no expression between two: want %s", text, want)
	}
	re, err := wholeName(expr)
	if err != nil {
		return pattern{}, fmt.Errorf("%q: %w: want %s", text, err, want)
	}
	return pattern{re: re}, nil
}

// wholeName compiles an expression that must match a whole name. Deployed nodes
// put ^ and $ around its text, so that in a|b neither holds for both; and text
// such as a)|(b or \Qa could still get out of a group. So the expression is
// parsed alone, and written anew into one. The dot matches a newline too: a
// name from the network may contain one, and must not escape from /.*/.
func wholeName(expr string) (*regexp.Regexp, error) {
	tree, err := syntax.Parse(expr, syntax.Perl|syntax.DotNL)
	if err != nil {
		return nil, err
	}
	return regexp.Compile(`\A(?:` + tree.String() + `)\z`)
}
