package config

import (
	"fmt"
	"strings"
	"testing"
)

func TestHelpAndVersion(t *testing.T) {
	tests := []struct {
		args          []string
		help, version bool
	}{
		{[]string{"--help"}, true, false},
		{[]string{"-h"}, true, false},
		{[]string{"--HELP"}, true, false},
		{[]string{"--version"}, false, true},
		{[]string{"--node", "a", "-h", "--version"}, true, true},
		{[]string{"nonsense", "--help"}, true, false},
		{[]string{"nonsense", "--version"}, false, true},
		{[]string{"--local-only"}, false, false},
		{nil, false, false},
	}
	for _, test := range tests {
		cl, err := ParseArgs(test.args)
		if err != nil {
			t.Errorf("%q: %v", test.args, err)
		} else if cl.Help != test.help || cl.Version != test.version {
			t.Errorf("%q: help %v, version %v, want %v, %v", test.args, cl.Help, cl.Version, test.help, test.version)
		}
	}
}

func TestCheck(t *testing.T) {
	for args, want := range map[string]string{
		"--local-only": "false []", "--check --local-only": "true []", "-c a --CHECK --node b -c c": "true [a c]",
	} {
		cl, err := ParseArgs(strings.Fields(args))
		if err != nil {
			t.Fatal(err)
		}
		if got := fmt.Sprint(cl.Check, cl.Files()); got != want {
			t.Errorf("%s: check and files are %s, want %s", args, got, want)
		}
	}
}

func TestCommandLines(t *testing.T) {
	disk := files{
		"r.yml":  "- node: {id: from-file}\n- local-only\n",
		"p.yml":  "- tcp-peer: 'p:1'\n",
		"v2.yml": "node: {id: from-map}\ntcp-peers: ['q:1']\nlocal-only:\n",
		"-":      "- local-only\n",
	}
	peer := func(address string) TCPPeer { return TCPPeer{Address: address, Redial: true, Cost: 1} }
	tests := []struct {
		name   string
		args   []string
		change func(*Config)
	}{
		{"a lone node", []string{"--node", "id=foo", "--local-only", "--log-level", "Debug"},
			func(c *Config) { c.Node.ID, c.LogLevel = "foo", Debug }},
		{"names in any case", []string{"--NODE", "ID=foo", "--Local-Only"}, func(c *Config) { c.Node.ID = "foo" }},
		{"value in the option", []string{"--node=foo", "DataDir=d", "--local-only=true"},
			func(c *Config) { c.Node.ID, c.Node.DataDir = "foo", "d" }},
		{"value after parameters", []string{"--local-only", "--node", "datadir=d", "foo"},
			func(c *Config) { c.Node.ID, c.Node.DataDir = "foo", "d" }},
		{"level without value", []string{"--log-level", "--local-only"}, func(c *Config) { c.LogLevel = Error }},
		{"text is not YAML", []string{"--local-only", "--work-command", "worktype=~", "command=a: b", "params=a=b # c"},
			func(c *Config) { c.WorkCommands = []WorkCommand{{WorkType: "~", Command: "a: b", Params: "a=b # c"}} }},
		{"-c", []string{"-c", "r.yml"}, func(c *Config) { c.Node.ID = "from-file" }},
		{"--config", []string{"--config", "r.yml"}, func(c *Config) { c.Node.ID = "from-file" }},
		{"--config=", []string{"--Config=r.yml"}, func(c *Config) { c.Node.ID = "from-file" }},
		{"--config-v2", []string{"--config-v2", "--config", "v2.yml", "-c", "p.yml"},
			func(c *Config) { c.Node.ID, c.TCPPeers = "from-map", []TCPPeer{peer("q:1"), peer("p:1")} }},
		{"file name with a dash", []string{"--config=-"}, nil},
		{"files in their place", []string{"--tcp-peer", "a:1", "-c", "p.yml", "--tcp-peer", "b:1", "-c", "r.yml"},
			func(c *Config) { c.Node.ID, c.TCPPeers = "from-file", []TCPPeer{peer("a:1"), peer("p:1"), peer("b:1")} }},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, err := fromArgs(disk, test.args...)
			wantConfig(t, got, err, alone(test.change))
		})
	}
}

func TestBadArguments(t *testing.T) {
	options := "--" + strings.Join(itemNames(), ", --") + ", --config, --config-v2, --check, --help, --version)"
	tests := []struct {
		name string
		args []string
		want []string
	}{
		{"stray", []string{"foo", "id=foo", ""}, []string{
			`command line: "foo" is neither an item (--NAME) nor a parameter of one (NAME=VALUE)`,
			`command line: "id=foo" is neither an item (--NAME) nor a parameter of one (NAME=VALUE)`,
			`command line: "" is neither an item (--NAME) nor a parameter of one (NAME=VALUE)`,
		}},
		{"after a file", []string{"--node", "-c", "r.yml", "id=foo"}, []string{
			`command line: "id=foo" is neither an item (--NAME) nor a parameter of one (NAME=VALUE)`,
		}},
		{"second value", []string{"--node", "a", "b"}, []string{
			`command line: "b" is neither an item (--NAME) nor a parameter (NAME=VALUE), and --node has its value "a" already`,
		}},
		{"options", []string{"-node", "id=a", "--", "-x=1", "--version=1", "--help="}, []string{
			`command line: unknown option "-node": want --NAME for an item, -c FILE or -h`,
			`command line: unknown option "--": want --NAME for an item, -c FILE or -h`,
			`command line: unknown option "-x": want --NAME for an item, -c FILE or -h`,
			`command line: --version takes no value: want it without "=1"`,
			`command line: --help takes no value: want it without "="`,
		}},
		{"values of options", []string{"--check=1", "--config-v2", "r.yml", "--node", "a", "--check", "datadir=d"}, []string{
			`command line: --check takes no value: want it without "=1"`,
			`command line: "r.yml" is neither an item (--NAME) nor a parameter of one (NAME=VALUE)`,
			`command line: "datadir=d" is neither an item (--NAME) nor a parameter of one (NAME=VALUE)`,
		}},
		{"no file", []string{"-c", "--node", "a", "--config=", "--config"}, []string{
			`command line: -c names no file: want -c FILE`,
			`command line: --config names no file: want --config FILE`,
			`command line: --config names no file: want --config FILE`,
		}},
		{"unknown items", []string{"--confg", "r.yml", "--tcp-listner", "1"}, []string{
			`command line: unknown item "--confg": did you mean "--config"? (known: ` + options,
			`command line: unknown item "--tcp-listner": did you mean "--tcp-listener"? (known: ` + options,
		}},
		{"parameters", []string{"--tcp-peer", "a:1", "address=b:1", "=x", "cost", "--log-level="}, []string{
			`command line: "cost" is neither an item (--NAME) nor a parameter (NAME=VALUE), and --tcp-peer has its value "a:1" already`,
		}},
		{"values", []string{"--tcp-peer", "a:1", "address=b:1", "=x", "--log-level=", "--work-command", "cat"}, []string{
			`command line: tcp-peer: address is given twice: want it once`,
			`command line: tcp-peer: unknown parameter "" (known: address, redial, tls, cost, allowedpeers)`,
			`command line: log-level: level is "": want Error, Warning, Info or Debug`,
			`command line: work-command takes no value without a name: want a name of worktype, command, params, allowruntimeparams, maxparallel, maxoutput, stderr, verifysignature`,
			`command line: work-command: worktype is missing: want a name without control characters, other than "remote"`,
			`command line: work-command: command is missing: want the name of a file or directory`,
		}},
		{"unquoted JSON", []string{"--tcp-listener", "1", "nodecost={b:2}", "allowedpeers=a,,b"}, []string{
			`command line: tcp-listener: nodecost of "b:2" has no value: want a finite number above 0, such as 1.5`,
			`command line: tcp-listener: allowedpeers entry 2 is "": ` + nodeIDMessage,
		}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := fromArgs(nil, test.args...)
			wantProblems(t, err, test.want...)
		})
	}
}
