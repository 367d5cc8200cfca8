package graphfile

import "strings"

// dotToken is a token of the dot language.
type dotToken struct {
	kind dotKind
	// text is that of an ID, without its quotes, or the mark.
	text string
	line int
}

type dotKind int

const (
	dotEnd  dotKind = iota
	dotMark         // { } [ ] ; , : = -- ->
	dotWord         // an ID without quotes, or a keyword
	dotText         // an ID in quotes
	dotHTML         // an ID in angle brackets
)

// is reports whether a token is a mark or a keyword, whose case does not matter.
func (t dotToken) is(text string) bool {
	return t.kind == dotMark && t.text == text || t.kind == dotWord && strings.EqualFold(t.text, text)
}

// isID reports whether a token is an ID, which a keyword is not.
func (t dotToken) isID() bool {
	if t.kind == dotWord {
		switch strings.ToLower(t.text) {
		case "node", "edge", "graph", "digraph", "subgraph", "strict":
			return false
		}
	}
	return t.kind >= dotWord
}

func (t dotToken) String() string {
	if t.kind == dotEnd {
		return "the end of the file"
	}
	return quote(t.text)
}

// dotLexer splits a file into tokens.
type dotLexer struct {
	*builder
	scanner
}

func (l *dotLexer) token() (dotToken, error) {
	if err := l.skip(); err != nil {
		return dotToken{}, err
	}
	t := dotToken{line: l.line}
	next := l.rest()
	switch c := l.peek(); {
	case l.atEnd():
		return t, nil
	case c == '"':
		return l.quoted()
	case c == '<':
		return l.html()
	case strings.HasPrefix(next, "--"), strings.HasPrefix(next, "->"):
		t.kind, t.text = dotMark, l.take(2)
	case strings.IndexByte("{}[];,:=", c) >= 0:
		t.kind, t.text = dotMark, l.take(1)
	case c == '-' || c == '.' || isDigit(c):
		t.kind, t.text = dotWord, l.numeral()
	case isWord(c):
		t.kind, t.text = dotWord, l.takeWhile(isWord)
	}
	if t.text == "" {
		return t, l.fail(l.line, "%s is not a part of the dot language (quote an ID with other characters than letters, digits and _)", l.here())
	}
	return t, nil
}

// skip moves on over white space, comments, and lines of a preprocessor.
func (l *dotLexer) skip() error {
	for {
		l.takeWhile(isSpace)
		line := l.line
		switch next := l.rest(); {
		case strings.HasPrefix(next, "//"), next != "" && next[0] == '#' && l.atLineStart():
			l.skipLine()
		case strings.HasPrefix(next, "/*"):
			l.take(2)
			if _, ok := l.takeThrough("*/"); !ok {
				return l.fail(line, "the comment has no end")
			}
		default:
			return nil
		}
	}
}

func (l *dotLexer) atLineStart() bool { return l.at == 0 || l.text[l.at-1] == '\n' }

// numeral reads [-]digits[.digits], "" if that is not what comes.
func (l *dotLexer) numeral() string {
	from := l.at
	if l.peek() == '-' {
		l.take(1)
	}
	digits := len(l.takeWhile(isDigit))
	if l.peek() == '.' {
		l.take(1)
		digits += len(l.takeWhile(isDigit))
	}
	if digits == 0 {
		l.at = from
	}
	return l.text[from:l.at]
}

// quoted reads a string, and those that a + joins to it.
func (l *dotLexer) quoted() (dotToken, error) {
	t := dotToken{kind: dotText, line: l.line}
	var text strings.Builder
	for {
		part, ok := l.quotedPart()
		if !ok {
			return t, l.fail(t.line, "the string has no end")
		}
		text.WriteString(part)
		after := l.scanner
		if err := l.skip(); err != nil {
			return t, err
		}
		if l.peek() == '+' {
			l.take(1)
			if err := l.skip(); err != nil {
				return t, err
			}
			if l.peek() != '"' {
				return t, l.fail(l.line, "%s where a string is expected, after +", l.here())
			}
			continue
		}
		l.scanner = after
		t.text = text.String()
		return t, nil
	}
}

var dotUnquote = strings.NewReplacer(`\\`, `\\`, `\"`, `"`, "\\\r\n", "", "\\\n", "")

// quotedPart reads up to the closing quote. Escapes other than that of a quote
// and of the end of a line are left for whom they concern.
func (l *dotLexer) quotedPart() (string, bool) {
	next := l.rest()
	for n := 1; n < len(next); n++ {
		switch next[n] {
		case '\\':
			n++
		case '"':
			return dotUnquote.Replace(l.take(n + 1)[1:n]), true
		}
	}
	return "", false
}

// html reads text in angle brackets, which may be nested.
func (l *dotLexer) html() (dotToken, error) {
	t := dotToken{kind: dotHTML, line: l.line}
	depth := 0
	for n, c := range []byte(l.rest()) {
		switch c {
		case '<':
			depth++
		case '>':
			depth--
		}
		if depth == 0 {
			t.text = l.take(n + 1)
			return t, nil
		}
	}
	return t, l.fail(t.line, "the text in angle brackets has no end")
}
