package firewall

import (
	"errors"
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
	_, err := parse(text, wire.CheckNodeID)
	return err
}

// CheckService reports why text cannot be the fromservice or toservice of a
// rule, or nil.
func CheckService(text string) error {
	_, err := parse(text, checkServiceName)
	return err
}

func checkServiceName(name string) error {
	_, err := wire.ParseService(name)
	return err
}

var errNotBetweenSlashes = errors.New("it begins with a slash, but is no expression between two")

// parse reads an expression, or a name that check takes.
func parse(text string, check func(name string) error) (pattern, error) {
	if !strings.HasPrefix(text, "/") {
		return pattern{exactly: text}, check(text)
	}
	expr, closed := strings.CutSuffix(text[1:], "/")
	if !closed || expr == "" {
		return pattern{}, errNotBetweenSlashes
	}
	re, err := wholeName(expr)
	return pattern{re: re}, err
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
