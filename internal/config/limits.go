package config

import (
	"math"
	"strconv"
	"strings"
)

// What WorkCommand.Stderr may be.
const (
	StderrCombined = "combined"
	StderrSeparate = "separate"
)

const wantSize = `a number of bytes, with K, M, G or T for 1024 bytes, 1024 K and so on, such as 500M`

func parseStderr(text string) (string, bool) {
	text = strings.ToLower(text)
	return text, text == StderrCombined || text == StderrSeparate
}

// parseCount refuses more than anybody means.
func parseCount(text string) (int, bool) {
	n, ok := parsePort(text) // as strict about its digits
	return n, ok
}

func parseSize(text string) (int64, bool) {
	shift := 0
	if digits := strings.TrimRight(text, "KMGTkmgt"); len(text)-len(digits) == 1 {
		shift = 10 * (1 + strings.Index("KMGT", strings.ToUpper(text[len(digits):])))
		text = digits
	}
	n, err := strconv.ParseInt(text, 10, 64)
	return n << shift, err == nil && n >= 0 && n <= math.MaxInt64>>shift && strconv.FormatInt(n, 10) == text
}
