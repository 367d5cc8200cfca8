//go:build linux

package daemon_test

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// hops returns the nodes that a traceroute names, in their order.
func (n *node) hops(t *testing.T, to string) string {
	t.Helper()
	answer, err := n.client(t).Do("traceroute " + to)
	var hops map[int]struct{ From, Error string }
	if err == nil {
		err = json.Unmarshal(answer, &hops)
	}
	if err != nil {
		t.Fatalf("traceroute %s: %s (%v)", to, answer, err)
	}
	var names []string
	for i, at := range slices.Sorted(maps.Keys(hops)) {
		if i != at || hops[at].Error != "" {
			t.Errorf("traceroute %s: %s", to, answer)
		}
		names = append(names, hops[at].From)
	}
	return strings.Join(names, " ")
}

// Every node reaches every other, by the nodes between them.
func TestMixedPaths(t *testing.T) {
	for _, who := range []string{"dod", "odo", "oddo", "dood"} {
		t.Run(who, func(t *testing.T) {
			m := startMixed(t, who)
			for i, from := range m.nodes {
				for k := range m.nodes {
					to, want := fmt.Sprint("n", k), []string{fmt.Sprint("n", i)}
					for at := i; at != k; want = append(want, fmt.Sprint("n", at)) {
						if at < k {
							at++
						} else {
							at--
						}
					}
					answer, err := from.client(t).Do("ping " + to)
					if err != nil || !strings.Contains(string(answer), fmt.Sprintf(`"From":"%s"`, to)) || !strings.Contains(string(answer), `"Success":true`) {
						t.Errorf("ping from n%d to %s: %s (%v)", i, to, answer, err)
					}
					if got := from.hops(t, to); got != strings.Join(want, " ") {
						t.Errorf("traceroute from n%d to %s: %s, want %v", i, to, got, want)
					}
				}
			}
		})
	}
}

// command is a request, and what its answer must match: as JSON with sorted keys,
// or "ERROR: " and the text.
type command struct{ send, want string }

// commands is section 4 of the protocol, as far as both kinds of nodes say the
// same. The node asked is n0, the one next to it n1; UNIT is a unit of n0 that
// has ended, REMOTE one that n1 runs for n0.
var commands = []command{
	{"status", `^{"Advertisements":\[{.*"Connections":\[{"Cost":1,"NodeID":"n1"}\],"KnownConnectionCosts":{"n0":{"n1":1},"n1":{"n0":1}},` +
		`"NodeID":"n0","RoutingTable":{"n1":"n1"},"SystemCPUCount":\d+,"SystemMemoryMiB":\d+,"Version":".*"}$`},
	{"STATUS", `"NodeID":"n0"`},
	{"status x", `^ERROR: status command does not take parameters$`},
	{`{"command":"status","requested_fields":["NodeID","SystemCPUCount"]}`, `^{"NodeID":"n0","SystemCPUCount":\d+}$`},
	{`{"command":"status","requested_fields":["Nothing"]}`, `^{}$`},
	{"nonsense", `^ERROR: Unknown command$`},
	{"ping n1", `^{"From":"n1","Success":true,"Time":\d+,"TimeStr":".*s"}$`},
	{"ping localhost", `^{"From":"n0","Success":true,`},
	{"ping nobody", `^{"Error":"no route to node","Success":false}$`},
	{"ping", `^ERROR: no ping target$`},
	{`{"command":"ping","target":"n1"}`, `"Success":true`},
	{"traceroute n1", `^{"0":{"From":"n0","Time":\d+,"TimeStr":".*s"},"1":{"From":"n1","Time":\d+,"TimeStr":".*s"}}$`},
	{`{"command":"traceroute","target":"n1"}`, `"1":{"From":"n1"`},
	{"traceroute", `^ERROR: no traceroute target$`},
	{"connect", `^ERROR: no connect target$`},
	{"connect n1", `^ERROR: no connect target$`},
	{"connect n1 nothing", `^ERROR: .*(service unknown|context canceled)$`}, // a deployed node says now this, now that
	{"connect n1 control nothing", `^ERROR: unknown TLS config nothing`},
	{"reload", `^{"Error":".*no configuration file was provided.* ERRORCODE 4","Success":false}$`},

	{"work", `^ERROR: bad command$`},
	{"work dance", `^ERROR: bad command$`},
	{`{"command":"work","subcommand":"dance"}`, `^ERROR: bad command$`},
	{`{"command":"work"}`, `^ERROR: field subcommand missing$`},
	{"work submit localhost nothing", `^ERROR: unknown work type nothing$`},
	{"work submit localhost cat -x", `^ERROR: extra params provided but not allowed$`},
	{`{"command":"work","subcommand":"submit","node":"localhost","worktype":"cat","ttl":"1m"}`, `^ERROR: ttl option is intended for remote work only$`},
	{`{"command":"work","subcommand":"submit","node":"localhost","worktype":"cat","signature":"x"}`, `^ERROR: work type did not expect a signature$`},
	{`{"command":"work","subcommand":"submit","node":"n1","worktype":"cat","Secret_x":"y"}`, `^ERROR: cannot send secrets over a non-TLS connection$`},
	{`{"command":"work","subcommand":"submit","node":"n1"}`, `^ERROR: field worktype missing$`},
	{"work status UNIT", `^{"Detail":"exit status 0","ExtraData":.*,"State":2,"StateName":"Succeeded","StdoutSize":6,"WorkType":"cat"}$`},
	{`{"command":"work","subcommand":"status","unitid":"UNIT"}`, `"State":2`},
	{"work list", `^{"UNIT":{"Detail":|^{"REMOTE":{"Detail":`},
	{"work list UNIT", `^{"UNIT":{"Detail":[^}]*"WorkType":"cat"}}$`},
	{`{"command":"work","subcommand":"list","unitid":"UNIT"}`, `^{"UNIT":`},
	{"work status REMOTE", `"ExtraData":{.*"Expiration":"0001-01-01T00:00:00Z","LocalCancelled":false,"LocalReleased":false,.*"RemoteNode":"n1",` +
		`"RemoteParams":{.*},"RemoteStarted":true,"RemoteUnitID":"\w{8}","RemoteWorkType":"cat","SignWork":false,.*"TLSClient":"".*},"State":2,"StateName":"Succeeded","StdoutSize":6,"WorkType":"remote"}$`},
	{"work list nothing", `^ERROR: unknown work unit nothing$`},
	{"work status nothing", `^ERROR: unknown work unit nothing$`},
	{"work cancel nothing", `^ERROR: unknown work unit nothing$`},
	{"work release nothing", `^ERROR: unknown work unit nothing$`},
	{"work force-release nothing", `^ERROR: unknown work unit nothing$`},
	{"work results nothing", `^ERROR: unknown work unit nothing$`},
	{`{"command":"work","subcommand":"results","unitid":"UNIT"}`, `^ERROR: field startpos missing$`},
	{"work cancel UNIT", `^{"cancelled":"UNIT"}$`},
	{"work release UNIT", `^{"released":"UNIT"}$`},
	{"work status UNIT", `^ERROR: unknown work unit UNIT$`},
	{"work force-release REMOTE", `^{"released":"REMOTE"}$`},
	{"work list", `^{}$`},
}

// The client of ours and every command, with a deployed node and one of ours: the
// answers are the same as far as they are known.
func TestMixedCommands(t *testing.T) {
	for _, who := range []string{"od", "do"} {
		t.Run(who, func(t *testing.T) {
			m := startMixed(t, who, cat, cat)
			n := m.nodes[0]
			n.wantConnect(t, "n1")
			unit, remote := n.submit(t, map[string]string{"node": "localhost", "worktype": "cat"}, "hello\n"),
				n.submit(t, map[string]string{"node": "n1", "worktype": "cat"}, "hello\n")
			for _, id := range []string{unit, remote} {
				for pos, want := range map[int64]string{0: "hello\n", 2: "llo\n", 6: ""} {
					results, err := n.client(t).Results(id, pos)
					if err != nil {
						t.Fatal(err)
					}
					if got, err := io.ReadAll(results); err != nil || string(got) != want {
						t.Errorf("results of %s from %d: %q (%v), want %q", id, pos, got, err, want)
					}
				}
				n.until(t, "work status "+id, `"Succeeded"`)
			}
			units := strings.NewReplacer("UNIT", unit, "REMOTE", remote)
			for _, c := range commands {
				got, err := n.client(t).Do(units.Replace(c.send))
				if err != nil {
					got = []byte("ERROR: " + err.Error())
				} else {
					got = sorted(t, got)
				}
				if !regexp.MustCompile(units.Replace(c.want)).Match(got) {
					t.Errorf("%s: %s, want %s", c.send, got, c.want)
				}
			}
		})
	}
}

// sorted is JSON with its keys in order: deployed nodes have none.
func sorted(t *testing.T, answer []byte) []byte {
	t.Helper()
	var v any
	err := json.Unmarshal(answer, &v)
	if err == nil {
		answer, err = json.Marshal(v)
	}
	if err != nil {
		t.Fatal(err)
	}
	return answer
}

// wantConnect talks to the control service of another node by way of this one.
func (n *node) wantConnect(t *testing.T, to string) {
	t.Helper()
	stream, err := n.client(t).Connect(to, "control", "")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(stream, "ping localhost\n"); err != nil {
		t.Fatal(err)
	}
	want := "Receptor Control, node " + to + "\n" + `{"`
	got := make([]byte, len(want))
	if _, err := io.ReadFull(stream, got); err != nil || string(got) != want {
		t.Errorf("from %s came %q (%v), want %q", to, got, err, want)
	}
}
