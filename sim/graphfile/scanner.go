package graphfile

import "strings"

// scanner walks over the text of a file and counts its lines.
type scanner struct {
	text string
	at   int
	line int
}

func newScanner(text string) scanner {
	return scanner{text: strings.TrimPrefix(text, "\uFEFF"), line: 1} // a byte order mark is not part of the text
}

// peek returns the next byte, 0 at the end. (A file may contain 0 too, but no
// token begins with it.)
func (s *scanner) peek() byte {
	if s.at == len(s.text) {
		return 0
	}
	return s.text[s.at]
}

func (s *scanner) atEnd() bool { return s.at == len(s.text) }

// rest is what has not been read.
func (s *scanner) rest() string { return s.text[s.at:] }

// take moves on by n bytes and returns them.
func (s *scanner) take(n int) string {
	taken := s.text[s.at : s.at+n]
	s.at += n
	s.line += strings.Count(taken, "\n")
	return taken
}

// takeWhile moves on over the bytes that ok takes and returns them.
func (s *scanner) takeWhile(ok func(byte) bool) string {
	n := 0
	for s.at+n < len(s.text) && ok(s.text[s.at+n]) {
		n++
	}
	return s.take(n)
}

// takeThrough moves on beyond the next end and returns what is before it; false:
// there is none.
func (s *scanner) takeThrough(end string) (string, bool) {
	n := strings.Index(s.rest(), end)
	if n < 0 {
		return "", false
	}
	return strings.TrimSuffix(s.take(n+len(end)), end), true
}

// skipLine moves on to the end of the line.
func (s *scanner) skipLine() { s.takeWhile(func(c byte) bool { return c != '\n' }) }

func isSpace(c byte) bool {
	return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f' || c == '\v'
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

// isWord reports whether a byte may be in a name; those beyond ASCII are letters.
func isWord(c byte) bool {
	return isDigit(c) || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || c == '_' || c >= 0x80
}

// here shows what comes next, for errors.
func (s *scanner) here() string {
	if s.atEnd() {
		return "the end of the file"
	}
	line, _, _ := strings.Cut(s.rest(), "\n")
	return quote(strings.TrimSpace(line[:min(len(line), 20)]))
}
