package config

import (
	"fmt"
	"strings"
	"testing"
)

func TestFilesAsDeployed(t *testing.T) {
	tests := []struct {
		name, text string
		change     func(*Config)
	}{
		{"item name alone", "- local-only\n", nil},
		{"item without value", "- local-only:\n", nil},
		{"item with an empty map", "- local-only: {}\n", nil},
		{"bare bool", "- local-only: yes\n", nil},
		{"names in any case", "- Local-ONLY:\n- NODE: {ID: a}\n- Log-Level: {LEVEL: WARNING}\n",
			func(c *Config) { c.Node.ID, c.LogLevel = "a", Warning }},
		{"comments, document marks, CRLF", "# c\r\n---\r\n- local-only: # c\r\n...\r\n", nil},
		{"byte order mark", "\ufeff- local-only:\n", nil},
		{"JSON", `[{"node": {"id": "a"}}, {"local-only": null}]`, func(c *Config) { c.Node.ID = "a" }},
		{"numbers as strings", "- local-only\n- tcp-listener: {port: \"1\", cost: '2'}\n",
			func(c *Config) { c.TCPListeners = []TCPListener{{Port: 1, BindAddr: "0.0.0.0", Cost: 2}} }},
		{"strings that look like numbers", "- local-only\n- node: 0010\n- work-command: {worktype: 1e3, command: true, params: 2026-11-24}\n",
			func(c *Config) {
				c.Node.ID = "0010"
				c.WorkCommands = []WorkCommand{{WorkType: "1e3", Command: "true", Params: "2026-11-24"}}
			}},
		{"explicit core tags", "- local-only: !!bool true\n- node: {id: !!str 12}\n", func(c *Config) { c.Node.ID = "12" }},
		{"anchors and merges", `
- local-only
- tcp-peer: &base {address: "a:1", cost: 2, redial: off}
- tcp-peer: {<<: *base, Cost: 3}
- tcp-peer: *base
- tcp-peer: {address: "b:1", <<: [{cost: 4}, *base]}
`, func(c *Config) {
			c.TCPPeers = []TCPPeer{{Address: "a:1", Cost: 2}, {Address: "a:1", Cost: 3}, {Address: "a:1", Cost: 2}, {Address: "b:1", Cost: 4}}
		}},
		{"merged maps that merge others", `
- local-only
- tcp-peer: &base {address: "a:1", cost: 2}
- tcp-peer: &derived {<<: *base, redial: false}
- tcp-peer: {<<: [*derived, {address: "b:1", cost: 3}]}
`, func(c *Config) {
			c.TCPPeers = []TCPPeer{{Address: "a:1", Redial: true, Cost: 2}, {Address: "a:1", Cost: 2}, {Address: "a:1", Cost: 2}}
		}},
		{"lists and maps in strings", "- local-only\n- tcp-listener: {port: 1, nodecost: '{\"b\": 2}', allowedpeers: \"a, b\"}\n",
			func(c *Config) {
				c.TCPListeners = []TCPListener{{Port: 1, BindAddr: "0.0.0.0", Cost: 1,
					NodeCost: map[string]float64{"b": 2}, AllowedPeers: []string{"a", "b"}}}
			}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, err := fromFile(test.text)
			wantConfig(t, got, err, alone(test.change))
		})
	}
}

// An item merged into itself, and a base merged over and over, end at once.
func TestMergesEnd(t *testing.T) {
	_, err := fromFile("- local-only\n- tcp-peer: &a {<<: *a, address: 'a:1'}\n")
	if err != nil {
		t.Errorf("a map merged into itself: %v", err)
	}
	text := "- local-only\n- tcp-peer: &a0 {address: 'a:1'}\n"
	for i := range 64 {
		text += fmt.Sprintf("- tcp-peer: &a%d {<<: [*a%d, *a%d]}\n", i+1, i, i)
	}
	if _, err := fromFile(text); err != nil {
		t.Errorf("maps merged twice each: %v", err)
	}
}

const wantedItem = `want a list of them, such as "- node: {id: a}"`

func TestFilesThatAreNoLists(t *testing.T) {
	tests := []struct{ name, text, want string }{
		{"empty", "", "r.yml: no items in the file: " + wantedItem},
		{"comments only", "# nothing\n", "r.yml: no items in the file: " + wantedItem},
		{"null", "---\n~\n", "r.yml: no items in the file: " + wantedItem},
		{"empty list", "[]", "r.yml: no items in the file: " + wantedItem},
		{"empty map", "{}", `r.yml: no items in the file: want some, such as "node: {id: a}"`},
		{"map of empty lists", "version: 2\ntcp-peers: []\n", `r.yml: no items in the file: want some, such as "node: {id: a}"`},
		{"text", "\nnode\n", `r.yml:2: "node" is no list: want a list of items, such as "- node: {id: a}"`},
		{"second document", "- local-only\n---\n- node: a\n", `r.yml:2: YAML: a second document after "---": want one list or map of items`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := fromFile(test.text)
			wantProblems(t, err, test.want)
		})
	}
}

// A colon without a space makes no parameter, and must not make an odd node ID.
func TestColonWithoutSpace(t *testing.T) {
	_, err := fromFile("- node:\n    id:a\n- local-only\n")
	wantProblems(t, err, `r.yml:1: node: id is "id:a": want a space after the colon, as in "id: a"`)
}

// A syntax error is told by the line to look at, and alone: what is missing cannot be known.
func TestSyntaxErrors(t *testing.T) {
	tests := []struct{ name, text, want string }{
		{"indentation", "- log-level: Debug\n- node:\n    id: a\n   datadir: x\n- local-only\n", "r.yml:4: YAML: did not find expected key: want parameters of one item indented alike"},
		{"no dash", "# c\n\n- node: a\n- local-only\nlog-level: Debug\n- tcp-listener: 1\n", `r.yml:5: YAML: did not find expected '-' indicator: want entries of one list indented alike, each with "- "`},
		{"open list", "- local-only\n- tcp-listener:\n    allowedpeers: [a\n- node: a\n", "r.yml:3: YAML: did not find expected ',' or ']': want the bracket closed, and commas between what is in it"},
		{"open quote", "- local-only\n- node: \"a\n- log-level\n", "r.yml:2: YAML: found unexpected end of stream: want the quotes closed"},
		{"first line", "- node: id: a\n- local-only\n", "r.yml:1: YAML: mapping values are not allowed in this context: want parameters indented alike, a space after the colon of each, and quotes around a value with a colon"},
		{"tab", "- local-only\n- node:\n\tid: a\n", "r.yml:3: YAML: found character that cannot start any token: want spaces to indent, not a tab"},
		{"alias of nothing", "- local-only\n- node: *a\n- log-level\n", `r.yml:2: YAML: unknown anchor 'a' referenced: want quotes around a value that begins with "*"`},
		{"percent", "- local-only\n- node: {id: %a}\n", "r.yml:2: YAML: found character that cannot start any token: want quotes around a value that begins with such a character"},
		{"backslash", "- local-only\n- node: {id: a, datadir: \"C:\\data\"}\n", "r.yml:2: YAML: found unknown escape character: want single quotes around a value with a backslash"},
		{"half a parameter", "- local-only\n- node:\n    id\n    datadir: x\n", `r.yml:4: YAML: mapping values are not allowed in this context: want parameters indented alike, a space after the colon of each, and quotes around a value with a colon`},
		{"not UTF-8", "- local-only\n- node: \xff\n- log-level\n", "r.yml:2: YAML: invalid leading UTF-8 octet: want text in UTF-8"},
		{"after the end", "- local-only\n...\nx: {\n", "r.yml:3: YAML: did not find expected <document start>"},
		{"last line, not ended", "- local-only\n- {", "r.yml:2: YAML: did not find expected node content: want the bracket closed, and commas between what is in it"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := fromFile(test.text)
			wantProblems(t, err, test.want)
		})
	}
}

func TestEntriesThatAreNoItems(t *testing.T) {
	_, err := fromFile(`
- {}
-
- [a]
- ? [a]
  : b
- node:
  id: a
- <<: 3
  node: a
- tcp-lisener: {port: 1}
- work_command: {}
- work-kubernetes: {address: "a:1"}
- log-level:Debug
`)
	known := " (known: " + strings.Join(itemNames(), ", ") + ")"
	wantProblems(t, err,
		`r.yml:2: an entry without an item: want one such as "- local-only:"`,
		`r.yml:3: an entry without an item: want one such as "- local-only:"`,
		`r.yml:4: a list in the place of an item: want one such as "- local-only:"`,
		`r.yml:5: a list or map cannot be a name: want a word and a colon`,
		`r.yml:8: "id" stands beside "node" in one entry: want an entry for each item, and parameters indented deeper than their item`,
		`r.yml:9: "<<" merges something that is no map: want a map, or a list of maps`,
		`r.yml:11: unknown item "tcp-lisener": did you mean "tcp-listener"?`+known,
		`r.yml:12: unknown item "work_command": did you mean "work-command"?`+known,
		`r.yml:13: work-kubernetes is not supported in this release: want a work-command, or a deployed node for units that run as pods`,
		`r.yml:14: unknown item "log-level:Debug"`+known)
}

// What an entry that is no item might have been meant for is not complained of as missing.
func TestEntryThatIsNoItemIsTheOnlyMistake(t *testing.T) {
	_, err := fromFile("- {}\n")
	wantProblems(t, err, `r.yml:1: an entry without an item: want one such as "- local-only:"`)
}

func TestTagsAreRefused(t *testing.T) {
	_, err := fromFile("- local-only\n- node: !vault x\n- work-command:\n    worktype: cat\n    command: !!binary Y2F0\n")
	wantProblems(t, err,
		`r.yml:2: the YAML tag "!vault" means nothing here: want plain values`,
		`r.yml:5: the YAML tag "!!binary" means nothing here: want plain values`)
}

func TestParseYAML(t *testing.T) {
	items, err := ParseYAML("r.yml", []byte("- Node: a\n- tcp-peer:\n    address: a:1\n"))
	if err != nil {
		t.Fatal(err)
	}
	if len(items) != 2 || items[0].Name != "node" || items[0].Where != (Position{"r.yml", 1}) ||
		items[1].Name != "tcp-peer" || items[1].Where != (Position{"r.yml", 2}) {
		t.Errorf("items are %+v, want node at r.yml:1 and tcp-peer at r.yml:2", items)
	}
	items, err = ParseYAML("r.yml", []byte("- node: a\n- tcp-peer:\n"))
	wantProblems(t, err, `r.yml:2: tcp-peer: address is missing: want HOST:PORT, such as "mesh.example.org:2222"`)
	if items != nil {
		t.Errorf("items are %+v, want none beside an error", items)
	}
}
