package config

import (
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"io/fs"
	"math"
	"net"
	"net/netip"
	"net/url"
	"reflect"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"receptor/mesh/firewall"
)

// A kind is a type of parameter: what the Go type of its field is, what a user should write, and how that is read.
// parse returns a result of that Go type, or complains and returns false.
type kind struct {
	result reflect.Type
	want   string // completes "want ..."
	parse  func(value) (any, bool)
	same   func(key string) string // maps the keys of a map that mean the same to one; nil where there is no map
}

// kinds are all types of parameters, by the name that tags and --help call them.
var kinds = map[string]kind{
	"address":        scalar(`HOST:PORT, such as "mesh.example.org:2222"`, parseAddress),
	"bits":           scalar(wantBits, parseBits),
	"bool":           scalar("true or false", parseBool),
	"command":        scalar("a program and its parameters as for a shell, all quotes closed and no backslash at the end", parseCommand),
	"cost":           costKind,
	"count":          scalar("a whole number from 0 to 65535", parseCount),
	"dns-names":      list[string](wantDNS, scalar("a DNS name in ASCII, without spaces", parseDNSName)),
	"duration":       scalar(`a duration above 0, such as "30s", "5m" or "3h30m"`, parseDuration),
	"fingerprints":   list[[]byte](wantFingerprints, scalar(wantFingerprints, parseFingerprint)),
	"firewall-rules": {reflect.TypeFor[[]firewall.Rule](), wantFirewallRules, parseFirewallRules, lower},
	"header":         scalar(`"NAME: VALUE"`, parseHeader),
	"host":           scalar(`an IP address or a host name, without port or brackets`, parseHost),
	"idle-time":      scalar(`a duration such as "30s" or "2m", or a number of seconds; 21s or more`, parseIdleTime),
	"interface":      scalar(`a name of 1 to 15 bytes, without blanks and "/"`, parseInterface),
	"ip-addresses":   list[netip.Addr](wantIPs, scalar("an IP address without a zone", parseIP)),
	"key-type":       scalar(KeyRSA+" or "+KeyEd25519, parseKeyType),
	"listen-address": scalar(`PORT or HOST:PORT of this machine, such as 7324 or "127.0.0.1:7324"; port 0 takes a free one`, parseListenAddress),
	"level":          scalar(wantLevel, parseLevel),
	"local-net":      scalar(`an IPv4 network of four addresses, such as 10.0.0.0/30`, parseLocalNet),
	"mode":           scalar(`permissions in octal with a leading 0, such as 0600; 0777 at most`, parseMode),
	"name":           scalar("a name without control characters", parseName),
	"networks":       list[netip.Prefix](wantNetworks, scalar("an IP network, such as 10.1.0.0/16", parseNetwork)),
	"node":           scalar(`a node ID, or "localhost" for this node`, parseNode),
	"node-costs":     {reflect.TypeFor[map[string]float64](), wantNodeCosts, parseNodeCosts, asWritten},
	"node-id":        nodeIDKind,
	"node-ids":       list[string](wantNodeIDs, nodeIDKind),
	"path":           scalar("the name of a file or directory", parsePath),
	"port":           scalar("a whole number from 0 to 65535", parsePort),
	"service":        scalar(`a name of 1 to 8 bytes without control characters, other than "ping" and "unreach"`, parseService),
	"size":           scalar(wantSize, parseSize),
	"stderr":         scalar(StderrCombined+" or "+StderrSeparate, parseStderr),
	"time":           scalar(`a time in RFC 3339, such as "2030-01-31T00:00:00Z"`, parseTime),
	"url-path":       scalar(`a path of a URL, such as "/mesh"`, parseURLPath),
	"words":          scalar("words as for a shell, all quotes closed and no backslash at the end", parseWords),
	"work-type":      scalar(`a name without control characters, other than "remote"`, parseWorkType),
	"ws-url":         scalar(`a URL such as "wss://mesh.example.org/path" or "ws://10.0.0.1:8080"`, parseWSURL),
}

// These are parts of lists and maps, too.
var (
	costKind   = scalar("a finite number above 0, such as 1.5", parseCost)
	nodeIDKind = scalar(wantNodeID, parseNodeID)
)

const (
	wantLevel  = "Error, Warning, Info or Debug"
	wantNodeID = `a node ID of 1 to 255 bytes, without "/" and control characters, not "localhost", "." or ".."`
)

// scalar is a kind of single value, read from its text.
func scalar[T any](want string, parse func(text string) (T, bool)) kind {
	return kind{result: reflect.TypeFor[T](), want: want, parse: func(v value) (any, bool) {
		text, ok := v.text(want)
		if !ok {
			return nil, false
		}
		x, ok := parse(text)
		if !ok {
			v.wrong("is %s: want %s", quote(text), want)
			return nil, false
		}
		return x, true
	}}
}

// parseAddress leaves the host to the dialer, which takes none as this machine.
func parseAddress(text string) (string, bool) {
	_, port, err := net.SplitHostPort(text)
	if err != nil {
		return "", false
	}
	n, ok := parsePort(port)
	return text, ok && n != 0
}

// parseBool takes what YAML 1.1 takes: yaml.v3 alone would read "redial: no" as a string.
func parseBool(text string) (result, ok bool) {
	switch strings.ToLower(text) {
	case "true", "yes", "on", "y", "t", "1":
		return true, true
	case "false", "no", "off", "n", "f", "0":
		return false, true
	}
	return false, false
}

func parseCommand(text string) (string, bool) {
	words, err := SplitParams(text)
	return text, err == nil && len(words) > 0 && words[0] != ""
}

func parseCost(text string) (float64, bool) {
	cost, err := strconv.ParseFloat(text, 64)
	return cost, err == nil && cost > 0 && !math.IsInf(cost, 0)
}

// parseHost refuses what would be joined with the port to something that cannot be looked up.
func parseHost(text string) (string, bool) {
	if _, err := netip.ParseAddr(text); err == nil {
		return text, true
	}
	return text, text != "" && !strings.ContainsAny(text, ":[]/ \x00")
}

// parseIdleTime refuses less than 21 s: peers send every 10 s only, and two losses must not end a link
// (PROTOCOL section 1).
func parseIdleTime(text string) (time.Duration, bool) {
	d, err := time.ParseDuration(text)
	if err != nil {
		seconds, err := strconv.ParseFloat(text, 64)
		if err != nil || !(seconds < float64(math.MaxInt64/time.Second)) {
			return 0, false
		}
		d = time.Duration(seconds * float64(time.Second))
	}
	return d, d >= 21*time.Second
}

// parseFingerprint reads a hash of a certificate (PROTOCOL section 7).
func parseFingerprint(text string) ([]byte, bool) {
	sum, err := hex.DecodeString(strings.ReplaceAll(text, ":", ""))
	return sum, err == nil && (len(sum) == sha256.Size || len(sum) == sha512.Size)
}

// parseHeader refuses what would end the header, or that of the request.
func parseHeader(text string) (string, bool) {
	name, value, ok := strings.Cut(text, ":")
	isToken := func(r rune) bool {
		return r > ' ' && r < 0x7f && !strings.ContainsRune(`"(),/:;<=>?@[\]{}`, r)
	}
	notToken := func(r rune) bool { return !isToken(r) }
	return text, ok && name != "" && !strings.ContainsFunc(name, notToken) && printable(strings.TrimSpace(value))
}

// parseListenAddress makes an address of a port alone, too: that of all interfaces, as for deployed nodes.
func parseListenAddress(text string) (string, bool) {
	host, port := "0.0.0.0", text
	if strings.Contains(text, ":") {
		var err error
		if host, port, err = net.SplitHostPort(text); err != nil {
			return "", false
		}
	}
	n, ok := parsePort(port)
	if _, valid := parseHost(host); !valid && host != "" {
		return "", false
	}
	return hostPort(host, n), ok
}

// parseInterface checks what Linux takes as the name of an interface. A % would be a pattern.
func parseInterface(text string) (string, bool) {
	return text, printable(text) && len(text) <= 15 && !strings.ContainsAny(text, " /:%") && text != "." && text != ".."
}

// parseLocalNet wants room for an address at each end of a link, as deployed nodes do.
func parseLocalNet(text string) (netip.Prefix, bool) {
	p, ok := parseNetwork(text)
	return p, ok && p.Addr().Is4() && p.Bits() == 30
}

// parseNetwork leaves out what is no part of the network, as of 10.1.2.3/16.
func parseNetwork(text string) (netip.Prefix, bool) {
	p, err := netip.ParsePrefix(text)
	return p.Masked(), err == nil && !p.Addr().Is4In6()
}

func parseLevel(text string) (LogLevel, bool) {
	level, err := ParseLogLevel(text)
	return level, err == nil
}

// parseMode refuses 600: in YAML that is the decimal number 600, whose bits nobody means.
func parseMode(text string) (fs.FileMode, bool) {
	if !strings.HasPrefix(text, "0") {
		return 0, false
	}
	mode, err := strconv.ParseUint(strings.TrimPrefix(text, "0o"), 8, 32)
	return fs.FileMode(mode), err == nil && mode <= 0o777
}

func parseName(text string) (string, bool) {
	return text, printable(text)
}

// parseNodeID checks what may be a node ID. It becomes the name of a directory, and every node answers to "localhost".
func parseNodeID(text string) (string, bool) {
	ok := printable(text) && len(text) <= 255 && !strings.Contains(text, "/") &&
		text != "." && text != ".." && !strings.EqualFold(text, "localhost")
	return text, ok
}

// parseNode checks the ID of a node that may be this one.
func parseNode(text string) (string, bool) {
	if strings.EqualFold(text, "localhost") {
		return text, true
	}
	return parseNodeID(text)
}

// parsePath takes any text that the system would take as a file name.
func parsePath(text string) (string, bool) {
	return text, text != "" && !strings.Contains(text, "\x00")
}

// parsePort refuses leading zeros, which are octal to YAML 1.1 and decimal to others.
func parsePort(text string) (int, bool) {
	port, err := strconv.Atoi(text)
	return port, err == nil && port >= 0 && port <= math.MaxUint16 && strconv.Itoa(port) == text
}

// parseService checks the name of a service (PROTOCOL section 2.1).
func parseService(text string) (string, bool) {
	return text, printable(text) && len(text) <= 8 && text != "ping" && text != "unreach"
}

// parseURLPath wants a path as it is in a request.
func parseURLPath(text string) (string, bool) {
	u, err := url.Parse(text)
	return text, err == nil && strings.HasPrefix(text, "/") && u.Path == text && u.Host == ""
}

func parseWords(text string) (string, bool) {
	_, err := SplitParams(text)
	return text, err == nil
}

// parseWorkType refuses "remote", the type of units that run on another node (PROTOCOL section 5).
func parseWorkType(text string) (string, bool) {
	return text, printable(text) && text != "remote"
}

// parseWSURL refuses a name and password, which are not for websockets.
func parseWSURL(text string) (string, bool) {
	u, err := url.Parse(text)
	return text, err == nil && (u.Scheme == "ws" || u.Scheme == "wss") && u.Hostname() != "" && u.User == nil && u.Fragment == ""
}

// printable is true for text that can be a name: some, in UTF-8, without control characters.
func printable(text string) bool {
	return text != "" && utf8.ValidString(text) && !strings.ContainsFunc(text, unicode.IsControl)
}
