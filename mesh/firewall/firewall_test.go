package firewall

import (
	"strings"
	"testing"

	"receptor/mesh/wire"
)

// message is one from service s of a to service t of b, unless changed.
func message(change func(*Message)) Message {
	m := Message{FromNode: "a", ToNode: "b", FromService: []byte("s"), ToService: []byte("t")}
	if change != nil {
		change(&m)
	}
	return m
}

func mustNew(t testing.TB, rules ...Rule) *Firewall {
	t.Helper()
	f, err := New(rules, "own")
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func TestFields(t *testing.T) {
	fields := []struct {
		name  string
		rule  func(pattern string) Rule
		field func(m *Message, name string)
	}{
		{"fromnode", func(p string) Rule { return Rule{Action: Drop, FromNode: p} }, func(m *Message, s string) { m.FromNode = s }},
		{"tonode", func(p string) Rule { return Rule{Action: Drop, ToNode: p} }, func(m *Message, s string) { m.ToNode = s }},
		{"fromservice", func(p string) Rule { return Rule{Action: Drop, FromService: p} }, func(m *Message, s string) { m.FromService = []byte(s) }},
		{"toservice", func(p string) Rule { return Rule{Action: Drop, ToService: p} }, func(m *Message, s string) { m.ToService = []byte(s) }},
	}
	tests := []struct {
		pattern      string
		matches, not []string
	}{
		{"x1", []string{"x1"}, []string{"X1", "x", "x12", "/x1/", ""}},
		{"a.c", []string{"a.c"}, []string{"abc"}},
		{"/x[0-9]/", []string{"x1", "x9"}, []string{"x", "x12", "yx1", "/x1/", "x1\n", ""}},
		{"/a|b/", []string{"a", "b"}, []string{"ab", "ax", "xb"}}, // deployed nodes match the last two
		{"/^a$/", []string{"a"}, []string{"aa", "a\n"}},
		{"/a?/", []string{"", "a"}, []string{"b"}},
		{"/.*/", []string{"", "a", "a\nb", "\xff"}, nil},
		{"/(?i)Edge/", []string{"edge", "EDGE"}, []string{"edges"}},
		{`/\Qa.b/`, []string{"a.b"}, []string{"axb", "a.b)"}},
		{"/a/b/", []string{"a/b"}, []string{"a", "b"}},
		{"/(?m)^a$/", []string{"a"}, []string{"a\nb", "b\na"}},
	}
	for _, f := range fields {
		for _, test := range tests {
			fw := mustNew(t, f.rule(test.pattern))
			judge := func(name string) Action {
				action, _ := fw.Judge(message(func(m *Message) { f.field(m, name) }))
				return action
			}
			for _, name := range test.matches {
				if judge(name) != Drop {
					t.Errorf("%s: %s does not match %q", f.name, test.pattern, name)
				}
			}
			for _, name := range test.not {
				if judge(name) != Accept {
					t.Errorf("%s: %s matches %q", f.name, test.pattern, name)
				}
			}
		}
	}
}

func TestFirstMatchDecides(t *testing.T) {
	fw := mustNew(t,
		Rule{Action: Accept, FromNode: "a", ToService: "t"},
		Rule{Action: Reject, FromNode: "/[ab]/", ToNode: "b"},
		Rule{Action: Drop, FromService: "s"},
	)
	tests := []struct {
		name   string
		change func(*Message)
		action Action
		rule   int
	}{
		{"first", nil, Accept, 1},
		{"one field of the first fits", func(m *Message) { m.ToService = []byte("u") }, Reject, 2},
		{"the other one fits", func(m *Message) { m.FromNode = "b" }, Reject, 2},
		{"third", func(m *Message) { m.FromNode = "c" }, Drop, 3},
		{"none", func(m *Message) { m.FromNode, m.FromService = "c", []byte("x") }, Accept, 0},
	}
	for _, test := range tests {
		if action, rule := fw.Judge(message(test.change)); action != test.action || rule != test.rule {
			t.Errorf("%s: %v by rule %d, want %v by rule %d", test.name, action, rule, test.action, test.rule)
		}
	}
}

func TestRuleWithoutFieldsMatchesEverything(t *testing.T) {
	for _, want := range []Action{Accept, Reject, Drop} {
		if action, rule := mustNew(t, Rule{Action: want}).Judge(Message{}); action != want || rule != 1 {
			t.Errorf("%v by rule %d, want %v by rule 1", action, rule, want)
		}
	}
}

func TestNoRulesAcceptEverything(t *testing.T) {
	fw := mustNew(t)
	if action, rule := fw.Judge(message(nil)); fw != nil || action != Accept || rule != 0 {
		t.Errorf("%v by rule %d of %v, want accept by 0 of nil", action, rule, fw)
	}
}

func TestLocalhostIsTheNodeItself(t *testing.T) {
	fw := mustNew(t, Rule{Action: Drop, FromNode: "LocalHost"}, Rule{Action: Reject, ToNode: "localhost"})
	if action, _ := fw.Judge(Message{FromNode: "own", ToNode: "b"}); action != Drop {
		t.Errorf("a message of the node itself: %v", action)
	}
	if action, _ := fw.Judge(Message{FromNode: "b", ToNode: "own"}); action != Reject {
		t.Errorf("a message to the node itself: %v", action)
	}
	if action, _ := fw.Judge(Message{FromNode: "a", ToNode: "b"}); action != Accept {
		t.Errorf("a message of others: %v", action)
	}
}

func TestMistakesAreAllNamed(t *testing.T) {
	long := strings.Repeat("x", 256)
	_, err := New([]Rule{
		{Action: Drop},
		{FromNode: "/a(/", ToNode: "/a"},
		{Action: Reject, FromService: "123456789", ToService: "/"},
		{Action: 9, FromNode: long, ToService: "//", ToNode: "/a)|(b/"},
	}, "own")
	if err == nil {
		t.Fatal("no error")
	}
	want := []string{
		"firewall rule 2: action is Action(0): want accept, reject or drop",
		`firewall rule 2: fromnode is "/a(/": want ` + WantNode + ": error parsing regexp: missing closing ): `a(`",
		`firewall rule 2: tonode is "/a": want ` + WantNode + ": it begins with a slash, but is no expression between two",
		`firewall rule 3: fromservice is "123456789": want ` + WantService + `: service name "123456789" has 9 bytes, at most 8 are possible`,
		`firewall rule 3: toservice is "/": want ` + WantService + ": it begins with a slash, but is no expression between two",
		"firewall rule 4: action is Action(9): want accept, reject or drop",
		`firewall rule 4: fromnode is "` + long + `": want ` + WantNode + ": node ID of 256 bytes, at most 255 are possible",
		`firewall rule 4: tonode is "/a)|(b/": want ` + WantNode + ": error parsing regexp: unexpected ): `a)|(b`",
		`firewall rule 4: toservice is "//": want ` + WantService + ": it begins with a slash, but is no expression between two",
	}
	if got := err.Error(); got != strings.Join(want, "\n") {
		t.Errorf("error:\n%s\nwant:\n%s", got, strings.Join(want, "\n"))
	}
}

func TestActions(t *testing.T) {
	for _, a := range []Action{Accept, Reject, Drop} {
		if got, err := ParseAction(strings.ToUpper(a.String())); err != nil || got != a {
			t.Errorf("%v is read as %v (%v)", a, got, err)
		}
	}
	for _, name := range []string{"", "deny", "Action(0)"} {
		if a, err := ParseAction(name); err == nil {
			t.Errorf("%q is read as %v", name, a)
		}
	}
	if got := Action(0).String(); got != "Action(0)" {
		t.Errorf("no action is called %q", got)
	}
}

func TestMessageOf(t *testing.T) {
	frame := wire.AppendData(nil, wire.Header{
		FromService: wire.Service{'a', 0, 'b'}, ToService: wire.Service([]byte("12345678")),
	}, []byte("payload"))
	m := MessageOf(frame, "x", "y")
	if m.FromNode != "x" || m.ToNode != "y" || string(m.FromService) != "a\x00b" || string(m.ToService) != "12345678" {
		t.Errorf("message %q", m)
	}
	empty := MessageOf(make([]byte, wire.HeaderSize), "x", "y")
	if len(empty.FromService) != 0 || len(empty.ToService) != 0 {
		t.Errorf("services of zeros are %q", empty)
	}
}

func TestJudgeAllocatesNothing(t *testing.T) {
	fw := mustNew(t,
		Rule{Action: Drop, FromNode: "x"},
		Rule{Action: Drop, FromNode: "/edge-[0-9]+/", ToService: "/(a|b).*c/"},
		Rule{Action: Accept, ToService: "/t+/"})
	m := message(func(m *Message) { m.FromNode = "edge-17" })
	if allocs := testing.AllocsPerRun(1000, func() { fw.Judge(m) }); allocs != 0 {
		t.Errorf("Judge allocates %v times", allocs)
	}
}
