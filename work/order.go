package work

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"receptor/control"
)

// order is a work command, whatever its form.
type order struct {
	subcommand string
	from       string // the node that it comes from; empty if not over the mesh
	unitID     string // empty for submit, and for a list of all
	signature  string
	hash       string // see commandHash; empty without a signature
	startPos   int64
	stderr     bool // results are to be those of stderr

	// The rest is for submit.
	node, workType, tlsClient, ttl string
	signWork                       bool
	params                         map[string]string
	// stdin is what the submission says of its stdin, nil if nothing.
	stdin *stdinMark
	// keeps: the client sends no more than that, and then another command.
	keeps bool

	// submission is the key of a submission, empty if it has none. Cancel and
	// release may have it in the place of the unit's ID, with the work type.
	submission string
}

func parseOrder(req *control.Request) (order, error) {
	var o order
	var err error
	if req.Fields != nil {
		o, err = parseFields(req.Fields)
	} else {
		o, err = parseWords(req.Args)
	}
	if err == nil && o.startPos < 0 {
		err = fmt.Errorf("the start position must be 0 or more, not %d", o.startPos)
	}
	return o, err
}

// parseWords parses "submit NODE TYPE [PARAMS…]", "list [UNIT]", "results UNIT
// [POS]" and "SUBCOMMAND UNIT".
func parseWords(args []string) (order, error) {
	if len(args) == 0 || args[0] == "" {
		return order{}, errors.New("bad command")
	}
	o := order{subcommand: strings.ToLower(args[0])}
	args = args[1:]
	switch o.subcommand {
	case "submit":
		if len(args) < 2 {
			return order{}, errors.New("work submit requires a target node and work type")
		}
		o.node, o.workType = args[0], args[1]
		if len(args) > 2 {
			o.params = map[string]string{"params": strings.Join(args[2:], " ")}
		}
		return o, nil
	case "results":
		if len(args) > 2 {
			return order{}, errors.New("work results only takes a unit ID and optional start position")
		}
		if len(args) == 2 {
			var err error
			if o.startPos, err = strconv.ParseInt(args[1], 10, 64); err != nil {
				return order{}, fmt.Errorf("the start position must be a number of bytes, not %q", args[1])
			}
			args = args[:1]
		}
	case "list":
		if len(args) == 0 {
			return o, nil
		}
	case "status", "cancel", "release", "force-release":
	default:
		return order{}, errBadCommand
	}
	switch len(args) {
	case 0:
		return order{}, fmt.Errorf("work %s requires a unit ID", o.subcommand)
	case 1:
		o.unitID = args[0]
		return o, nil
	}
	return order{}, fmt.Errorf("work %s does not take parameters after the unit ID", o.subcommand)
}

var errBadCommand = errors.New("bad command")

// notParams are the fields of a submission that are no work parameters.
var notParams = map[string]bool{
	"command": true, "subcommand": true, "node": true, "worktype": true,
	"tlsclient": true, "ttl": true, "signwork": true, "signature": true,
	paramSubmission: true, paramStdin: true, paramSession: true,
}

func parseFields(fields map[string]any) (order, error) {
	f := fieldReader{fields: fields}
	o := order{subcommand: strings.ToLower(f.text("subcommand", true)), signature: f.text("signature", false)}
	if o.signature != "" {
		o.hash = commandHash(fields)
	}
	switch o.subcommand {
	case "submit":
		o.node, o.workType = f.text("node", true), f.text("worktype", true)
		o.tlsClient, o.ttl = f.text("tlsclient", false), f.text("ttl", false)
		o.signWork = f.flag("signwork")
		o.submission, o.stdin = f.key(), f.stdinMark()
		if o.keeps = f.text(paramSession, false) == keepSession; o.keeps && o.stdin == nil {
			f.fail("field %s needs field %s", paramSession, paramStdin)
		}
		o.params = make(map[string]string)
		for name := range fields {
			if !notParams[name] {
				o.params[name] = f.text(name, true)
			}
		}
	case "features", "follow":
	case "list":
		o.unitID = f.text("unitid", false)
	case "results":
		o.unitID, o.startPos = f.text("unitid", true), f.number("startpos")
		switch stream := f.text("stream", false); stream {
		case "stderr":
			o.stderr = true
		case "", "stdout":
		default:
			f.fail("field stream must be \"stdout\" or \"stderr\", not %q", stream)
		}
	case "status":
		o.unitID = f.text("unitid", true)
	case "cancel", "release", "force-release":
		o.submission = f.key()
		o.unitID, o.workType = f.text("unitid", o.submission == ""), f.text("worktype", false)
		if o.unitID == "" && o.submission == "" {
			f.fail("field unitid is empty: want the ID of a unit")
		}
	default:
		if f.err == nil {
			f.err = errBadCommand
		}
	}
	return o, f.err
}

// fieldReader takes fields out of a JSON object and keeps the first error.
type fieldReader struct {
	fields map[string]any
	err    error
}

func (f *fieldReader) fail(format string, args ...any) {
	if f.err == nil {
		f.err = fmt.Errorf(format, args...)
	}
}

// text returns a string; one that is not required may be missing.
func (f *fieldReader) text(name string, required bool) string {
	value, ok := f.fields[name]
	if !ok {
		if required {
			f.fail("field %s missing", name)
		}
		return ""
	}
	s, ok := value.(string)
	if !ok {
		f.fail("field %s must be a string", name)
	}
	return s
}

// key returns the key of a submission, "" if there is none.
func (f *fieldReader) key() string {
	key := f.text(paramSubmission, false)
	if err := checkKey(key); err != nil {
		f.fail("%w", err)
	}
	return key
}

// stdinMark returns the mark of the stdin, nil if there is none.
func (f *fieldReader) stdinMark() *stdinMark {
	text := f.text(paramStdin, false)
	if text == "" {
		return nil
	}
	m, err := parseStdinMark(text)
	if err != nil {
		f.fail("%w", err)
	}
	return &m
}

// flag returns whether a string is "true".
func (f *fieldReader) flag(name string) bool {
	switch s := f.text(name, false); s {
	case "true":
		return true
	case "", "false":
	default:
		f.fail("field %s must be \"true\" or \"false\", not %q", name, s)
	}
	return false
}

// number returns a whole number, which may also come as a string.
func (f *fieldReader) number(name string) int64 {
	value, ok := f.fields[name]
	if !ok {
		f.fail("field %s missing", name)
		return 0
	}
	var text string
	switch v := value.(type) {
	case json.Number:
		text = v.String()
	case string:
		text = v
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		f.fail("field %s must be a whole number", name)
	}
	return n
}
