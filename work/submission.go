package work

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// FeatureSubmission is the feature that a node names in the tag "features" of
// its control service if it knows the parameters below (docs/work.md).
const FeatureSubmission = "submission"

// Work parameters of a submission that are for the receiving node, not for the
// unit. They go only to nodes with FeatureSubmission.
const (
	// paramSubmission is the key of the submission: whatever comes with the same
	// one is the same unit. It is a secret of the submitter and the node.
	paramSubmission = "receptor_submission"
	// paramStdin is the stdinMark of the whole stdin.
	paramStdin = "receptor_stdin"
)

// maxKey is the longest key of a submission, in bytes.
const maxKey = 1024

// checkKey refuses what nobody would choose as a key.
func checkKey(key string) error {
	switch {
	case len(key) > maxKey:
		return fmt.Errorf("%s must have at most %d bytes, not %d", paramSubmission, maxKey, len(key))
	case !utf8.ValidString(key) || strings.ContainsFunc(key, unicode.IsControl):
		return fmt.Errorf("%s must be printable UTF-8", paramSubmission)
	}
	return nil
}

// identity is what makes a submission with a key the same as one that came before.
// It is in the status of its unit.
type identity struct {
	Key string
	// Contents tells its node, work type and parameters from any others.
	Contents string
	// From is the node that it first came from; empty if not over the mesh.
	From string `json:",omitempty"`
}

// identity returns that of a submission, nil if it has no key.
func (o order) identity() *identity {
	if o.submission == "" {
		return nil
	}
	h := sha256.New()
	text := func(s string) { fmt.Fprintf(h, "%d:%s", len(s), s) }
	text(strings.ToLower(o.node))
	text(o.workType)
	for _, name := range slices.Sorted(maps.Keys(o.params)) {
		text(name)
		text(o.params[name])
	}
	return &identity{Key: o.submission, Contents: hex.EncodeToString(h.Sum(nil)), From: o.from}
}

// check refuses a submission that has the same key and is yet another.
func (i identity) check(other identity) error {
	if i.Contents != other.Contents {
		return fmt.Errorf("this %s is that of another submission, with another node, work type or parameters: choose another key", paramSubmission)
	}
	return nil
}

// stdinMark tells a stdin from any other: by its length and its SHA-256.
type stdinMark struct {
	length int64
	sum    [sha256.Size]byte
}

// String returns the form on the wire: length, colon, sum in hexadecimal.
func (m stdinMark) String() string { return fmt.Sprintf("%d:%x", m.length, m.sum) }

// parseStdinMark is the inverse of String.
func parseStdinMark(s string) (stdinMark, error) {
	length, sum, _ := strings.Cut(s, ":")
	var m stdinMark
	n, err := strconv.ParseInt(length, 10, 64)
	if err == nil && len(sum) == hex.EncodedLen(len(m.sum)) {
		_, err = hex.Decode(m.sum[:], []byte(sum))
	} else if err == nil {
		err = errors.New("the sum has another length")
	}
	if err != nil || n < 0 {
		return stdinMark{}, fmt.Errorf("%s must be a length, a colon and a SHA-256 in hexadecimal, not %q", paramStdin, s)
	}
	m.length = n
	return m, nil
}

// marker makes the mark of what is written to it.
type marker struct {
	length int64
	hash   hash.Hash
}

func newMarker() *marker { return &marker{hash: sha256.New()} }

// Write implements io.Writer.
func (m *marker) Write(p []byte) (int, error) {
	m.length += int64(len(p))
	return m.hash.Write(p)
}

func (m *marker) mark() stdinMark {
	return stdinMark{length: m.length, sum: [sha256.Size]byte(m.hash.Sum(nil))}
}

// markOf reads a file to its end.
func markOf(r io.Reader) (stdinMark, error) {
	m := newMarker()
	_, err := io.Copy(m, r)
	return m.mark(), err
}
