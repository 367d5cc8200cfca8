// Package firewall decides which messages a node takes, sends and passes on
// (PROTOCOL section 6). It is pure: no clock, no I/O, no logging.
package firewall

import (
	"errors"
	"fmt"
	"strings"

	"receptor/mesh/wire"
)

// Action is what a rule does with the messages that it matches.
type Action int

// Actions. The zero value is none of them, so that a rule without one is a
// mistake.
const (
	// Accept lets a message through.
	Accept Action = iota + 1
	// Reject lets no message through, and tells its sender.
	Reject
	// Drop lets no message through, and tells nobody.
	Drop
)

// WantAction completes "want ..." in messages about actions.
const WantAction = "accept, reject or drop"

var actionNames = [...]string{Accept: "accept", Reject: "reject", Drop: "drop"}

// ParseAction reads the name of an action, in any case.
func ParseAction(name string) (Action, error) {
	for a := Accept; a <= Drop; a++ {
		if strings.EqualFold(name, actionNames[a]) {
			return a, nil
		}
	}
	return 0, errors.New("there is no such action")
}

// String returns the name that ParseAction reads.
func (a Action) String() string {
	if a < Accept || a > Drop {
		return fmt.Sprintf("Action(%d)", int(a))
	}
	return actionNames[a]
}

// Rule matches the messages in which every field that is not empty fits. A
// field is a name, or a regular expression between slashes that must match the
// whole name. "localhost", in any case, is the node that has the rule.
type Rule struct {
	Action                                   Action
	FromNode, ToNode, FromService, ToService string
}

// Firewall is a list of rules, compiled. It is immutable, and may be used by
// any number of goroutines at once. The nil Firewall has no rules.
type Firewall struct{ rules []rule }

type rule struct {
	action                 Action
	fromNode, toNode       pattern
	fromService, toService pattern
}

// New compiles the rules of the node self. It returns nil if there are none,
// and an error that lists every mistake by the number of the rule, from 1, and
// the key.
func New(rules []Rule, self string) (*Firewall, error) {
	if len(rules) == 0 {
		return nil, nil
	}
	f := &Firewall{rules: make([]rule, len(rules))}
	var errs []error
	for i, r := range rules {
		for _, err := range f.rules[i].compile(r, self) {
			errs = append(errs, fmt.Errorf("firewall rule %d: %w", i+1, err))
		}
	}
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	return f, nil
}

// compile returns what is wrong with a rule, by key.
func (c *rule) compile(r Rule, self string) (errs []error) {
	if r.Action < Accept || r.Action > Drop {
		errs = append(errs, fmt.Errorf("action is %v: want %s", r.Action, WantAction))
	}
	c.action = r.Action
	for _, field := range []struct {
		key, text, want string
		check           func(string) error
		compiled        *pattern
	}{
		{"fromnode", ownName(r.FromNode, self), WantNode, wire.CheckNodeID, &c.fromNode},
		{"tonode", ownName(r.ToNode, self), WantNode, wire.CheckNodeID, &c.toNode},
		{"fromservice", r.FromService, WantService, checkServiceName, &c.fromService},
		{"toservice", r.ToService, WantService, checkServiceName, &c.toService},
	} {
		if field.text == "" {
			continue
		}
		var err error
		if *field.compiled, err = parse(field.text, field.check); err != nil {
			errs = append(errs, fmt.Errorf("%s is %q: want %s: %w", field.key, field.text, field.want, err))
		}
	}
	return errs
}

// ownName replaces localhost by the node's own ID (PROTOCOL section 2.1).
func ownName(name, self string) string {
	if strings.EqualFold(name, "localhost") {
		return self
	}
	return name
}

// Message is what rules see of a message. Services are without padding.
type Message struct {
	FromNode, ToNode       string
	FromService, ToService []byte
}

// Judge returns the action of the first rule that matches, and its number from
// 1. If none does, the message is accepted, by the rule 0. Judge does not
// allocate.
func (f *Firewall) Judge(m Message) (action Action, number int) {
	if f == nil {
		return Accept, 0
	}
	for i := range f.rules {
		r := &f.rules[i]
		if r.fromNode.matchString(m.FromNode) && r.toNode.matchString(m.ToNode) &&
			r.fromService.match(m.FromService) && r.toService.match(m.ToService) {
			return r.action, i + 1
		}
	}
	return Accept, 0
}

// MessageOf returns what rules see of a data frame, of which the caller knows
// the names of the nodes. The services alias the frame.
func MessageOf(frame []byte, fromNode, toNode string) Message {
	return Message{
		FromNode: fromNode, ToNode: toNode,
		FromService: unpadded(frame[wire.OffsetFromService:wire.OffsetToService]),
		ToService:   unpadded(frame[wire.OffsetToService:wire.HeaderSize]),
	}
}

func unpadded(service []byte) []byte {
	for len(service) > 0 && service[len(service)-1] == 0 {
		service = service[:len(service)-1]
	}
	return service
}
