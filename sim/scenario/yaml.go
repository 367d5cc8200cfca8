package scenario

import (
	"fmt"
	"math"
	"slices"
	"sort"
	"strconv"
	"time"

	"gopkg.in/yaml.v3"
)

// decoder reads YAML nodes into values and collects what is wrong, so that one
// run names all mistakes of a file.
type decoder struct {
	file     string
	problems Problems
}

func (d *decoder) fail(n *yaml.Node, format string, args ...any) {
	d.failAt(n.Line, format, args...)
}

func (d *decoder) failAt(line int, format string, args ...any) {
	d.problems = append(d.problems, Problem{File: d.file, Line: line, Text: fmt.Sprintf(format, args...)})
}

// err returns the problems in the order of their lines, nil for none.
func (d *decoder) err() error {
	if len(d.problems) == 0 {
		return nil
	}
	sort.SliceStable(d.problems, func(i, j int) bool { return d.problems[i].Line < d.problems[j].Line })
	return d.problems
}

// read takes the value of one key.
type read func(n *yaml.Node)

// field is one key that a mapping may have.
type field struct {
	key      string
	required bool
	read     read
}

func optional(key string, r read) field { return field{key, false, r} }
func required(key string, r read) field { return field{key, true, r} }

// mapping reads a mapping whose keys are those of fields; what names it in
// errors.
func (d *decoder) mapping(n *yaml.Node, what string, fields ...field) {
	n = resolveAlias(n)
	if n.Kind != yaml.MappingNode {
		d.fail(n, "%s must be a mapping of keys to values, not %s", what, describe(n))
		return
	}
	seen := map[string]int{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		if line, twice := seen[key.Value]; twice {
			d.fail(key, "%s: key %q is there twice, first on line %d", what, key.Value, line)
			continue
		}
		seen[key.Value] = key.Line
		at := slices.IndexFunc(fields, func(f field) bool { return f.key == key.Value })
		if at < 0 {
			d.fail(key, "%s: unknown key %q%s", what, key.Value, hint(key.Value, keysOf(fields)))
			continue
		}
		fields[at].read(resolveAlias(value))
	}
	for _, f := range fields {
		if _, ok := seen[f.key]; f.required && !ok {
			d.fail(n, "%s: key %q is missing", what, f.key)
		}
	}
}

func keysOf(fields []field) []string {
	keys := make([]string, len(fields))
	for i, f := range fields {
		keys[i] = f.key
	}
	return keys
}

// list reads a sequence, item by item.
func (d *decoder) list(what string, item read) read {
	return func(n *yaml.Node) {
		if n.Kind != yaml.SequenceNode {
			d.fail(n, "%s must be a list, not %s", what, describe(n))
			return
		}
		for _, c := range n.Content {
			item(resolveAlias(c))
		}
	}
}

// scalar reads a scalar by a parser whose errors say what would be right.
func scalar[T any](d *decoder, what string, into *T, parse func(string) (T, error)) read {
	return func(n *yaml.Node) {
		if n.Kind != yaml.ScalarNode || n.Tag == "!!null" {
			d.fail(n, "%s must be a single value, not %s", what, describe(n))
			return
		}
		v, err := parse(n.Value)
		if err != nil {
			d.fail(n, "%s: %v", what, err)
			return
		}
		*into = v
	}
}

// resolveAlias follows *alias to its &anchor.
func resolveAlias(n *yaml.Node) *yaml.Node {
	for n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	return n
}

func describe(n *yaml.Node) string {
	switch {
	case n.Kind == yaml.MappingNode:
		return "a mapping"
	case n.Kind == yaml.SequenceNode:
		return "a list"
	case n.Tag == "!!null":
		return "nothing"
	default:
		return fmt.Sprintf("%q", n.Value)
	}
}

// Parsers of scalars. Their errors name the value and what would be right.

func parseText(s string) (string, error) { return s, nil }

// ParseDuration reads a duration that is not negative: a number and a unit.
func ParseDuration(s string) (time.Duration, error) {
	v, err := time.ParseDuration(s)
	switch {
	case err != nil && isNumber(s):
		return 0, fmt.Errorf("%s has no unit: write %sms or %ss", s, s, s)
	case err != nil:
		return 0, fmt.Errorf("%q is not a duration such as 20ms or 1m30s", s)
	case v < 0:
		return 0, fmt.Errorf("%s is negative", s)
	}
	return v, nil
}

// ParseCost reads the cost of a link: a positive number.
func ParseCost(s string) (float64, error) {
	v, err := strconv.ParseFloat(s, 64)
	if err != nil || !(v > 0) || math.IsInf(v, 0) {
		return 0, fmt.Errorf("%q is not a cost: a positive number such as 1 or 2.5", s)
	}
	return v, nil
}

// ParseLoss reads a probability of loss: a number from 0 to below 1.
func ParseLoss(s string) (float64, error) {
	v, err := strconv.ParseFloat(s, 64)
	if err != nil || !(v >= 0 && v < 1) {
		return 0, fmt.Errorf("%q is not a loss: a number from 0 to below 1 (for a wire that carries nothing, "+
			"take the link down on the timeline)", s)
	}
	return v, nil
}

func parseCount(low, high int) func(string) (int, error) {
	return func(s string) (int, error) {
		v, err := strconv.Atoi(s)
		if err != nil || v < low || v > high {
			return 0, fmt.Errorf("%q is not a whole number from %d to %d", s, low, high)
		}
		return v, nil
	}
}

func parsePositive(s string) (float64, error) {
	v, err := strconv.ParseFloat(s, 64)
	if err != nil || !(v > 0) || math.IsInf(v, 0) {
		return 0, fmt.Errorf("%q is not a positive number", s)
	}
	return v, nil
}

func parseBool(s string) (bool, error) {
	switch s {
	case "true":
		return true, nil
	case "false":
		return false, nil
	}
	return false, fmt.Errorf("%q is neither true nor false", s)
}

// parseOffset reads how far a clock is wrong; negative: it is slow.
func parseOffset(s string) (time.Duration, error) {
	v, err := time.ParseDuration(s)
	if err != nil || v < -maxOffset || v > maxOffset {
		return 0, fmt.Errorf("%q is not a duration such as 5s or -1h, of %v at most", s, maxOffset)
	}
	return v, nil
}

// maxOffset bounds how far a clock is wrong: ten years.
const maxOffset = 10 * 365 * 24 * time.Hour

func parseDrift(s string) (float64, error) {
	v, err := strconv.ParseFloat(s, 64)
	if err != nil || !(v >= -MaxDrift && v <= MaxDrift) {
		return 0, fmt.Errorf("%q is not a drift: a number from %v to %v, such as 0.001 for a clock that gains a millisecond each second",
			s, -MaxDrift, MaxDrift)
	}
	return v, nil
}

func parseSeed(s string) (uint64, error) {
	v, err := strconv.ParseUint(s, 0, 64)
	if err != nil {
		return 0, fmt.Errorf("%q is not a seed: a whole number from 0 to %d", s, uint64(math.MaxUint64))
	}
	return v, nil
}

// parseOneOf reads one of the given words.
func parseOneOf[T ~string](words ...T) func(string) (T, error) {
	return func(s string) (T, error) {
		if slices.Contains(words, T(s)) {
			return T(s), nil
		}
		known := make([]string, len(words))
		for i, w := range words {
			known[i] = string(w)
		}
		return "", fmt.Errorf("%q is unknown%s", s, hint(s, known))
	}
}

func isNumber(s string) bool {
	_, err := strconv.ParseFloat(s, 64)
	return err == nil
}
