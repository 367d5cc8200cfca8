package work

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"testing"

	"receptor/control"
)

// doJSON runs a command in the JSON form; see testNode.do.
func (n *testNode) doJSON(object string) string {
	n.t.Helper()
	fields := make(map[string]any)
	if err := json.Unmarshal([]byte(object), &fields); err != nil {
		n.t.Fatal(err)
	}
	fields["command"] = "work"
	answer, err := n.client().DoJSON(fields)
	if remote, ok := err.(*control.RemoteError); ok {
		return "ERROR: " + remote.Text
	}
	if err != nil {
		n.t.Fatalf("%s: %v", object, err)
	}
	return string(answer)
}

func TestCommandErrors(t *testing.T) {
	n := newCluster(t).node("a")
	id, _ := n.submit("a", "")
	for command, want := range map[string]string{
		"work":                                 "bad command",
		"work ":                                "bad command",
		"work dance":                           "bad command",
		"work submit":                          "work submit requires a target node and work type",
		"work submit a":                        "work submit requires a target node and work type",
		"work submit a nonesuch":               "unknown work type nonesuch",
		"work submit a cat -v":                 "extra params provided but not allowed",
		"work submit a sh 'x":                  `split the parameters into words: EOF found when expecting closing quote`,
		"work submit  cat":                     "work submit requires a target node",
		"work status":                          "work status requires a unit ID",
		"work status nonesuch":                 "unknown work unit nonesuch",
		"work status ../../etc":                "unknown work unit ../../etc",
		"work status " + id + " x":             "work status does not take parameters after the unit ID",
		"work list nonesuch":                   "unknown work unit nonesuch",
		"work cancel nonesuch":                 "unknown work unit nonesuch",
		"work release":                         "work release requires a unit ID",
		"work force-release nonesuch":          "unknown work unit nonesuch",
		"work results":                         "work results requires a unit ID",
		"work results nonesuch":                "unknown work unit nonesuch",
		"work results " + id + " -1":           "the start position must be 0 or more, not -1",
		"work results " + id + " x":            `the start position must be a number of bytes, not "x"`,
		"work results " + id + " 0 0":          "work results only takes a unit ID and optional start position",
		`{"subcommand":"dance"}`:               "bad command",
		`{}`:                                   "field subcommand missing",
		`{"subcommand":7}`:                     "field subcommand must be a string",
		`{"subcommand":"status"}`:              "field unitid missing",
		`{"subcommand":"status","unitid":7}`:   "field unitid must be a string",
		`{"subcommand":"cancel"}`:              "field unitid missing",
		`{"subcommand":"submit","node":"a"}`:   "field worktype missing",
		`{"subcommand":"results","unitid":""}`: "field startpos missing",
		`{"subcommand":"results","unitid":"` + id + `","startpos":1.5}`:                                   "field startpos must be a whole number",
		`{"subcommand":"results","unitid":"` + id + `","startpos":-1}`:                                    "the start position must be 0 or more, not -1",
		`{"subcommand":"cancel","unitid":""}`:                                                             "field unitid is empty: want the ID of a unit",
		`{"subcommand":"force-release","unitid":"","receptor_submission":""}`:                             "field unitid is empty: want the ID of a unit",
		`{"subcommand":"submit","node":"a","worktype":"cat","x":7}`:                                       "field x must be a string",
		`{"subcommand":"submit","node":"a","worktype":"cat","ttl":"1h"}`:                                  "ttl option is intended for remote work only",
		`{"subcommand":"submit","node":"b","worktype":"cat","ttl":"soon"}`:                                `ttl must be a duration such as 90s or 1h30m, not "soon"`,
		`{"subcommand":"submit","node":"a","worktype":"cat","signature":"s"}`:                             "work type did not expect a signature",
		`{"subcommand":"submit","node":"b","worktype":"cat","signwork":"true"}`:                           "cannot sign work: signing key is empty: this node has no work-signing",
		`{"subcommand":"submit","node":"b","worktype":"cat","signwork":"maybe"}`:                          `field signwork must be "true" or "false", not "maybe"`,
		`{"subcommand":"submit","node":"a","worktype":"cat","params":"-v"}`:                               "extra params provided but not allowed",
		`{"subcommand":"cancel","unitid":"` + id + `","signature":"s"}`:                                   "work type did not expect a signature",
		`{"subcommand":"results","unitid":"` + id + `","startpos":0,"signature":"s"}`:                     "work type did not expect a signature",
		`{"subcommand":"submit","node":"b","worktype":"cat","secret_x":"y"}`:                              "cannot send secrets over a non-TLS connection",
		`{"subcommand":"submit","node":"b","worktype":"cat","SECRET_x":"y","tlsclient":"","signwork":""}`: "cannot send secrets over a non-TLS connection",
	} {
		do := n.do
		if command[0] == '{' {
			do = n.doJSON
		}
		if got := do(command); got != "ERROR: "+want {
			t.Errorf("%s: %q, want %q", command, got, want)
		}
	}
	if got := n.do("work list"); strings.Count(got, "StateName") != 1 {
		t.Errorf("a submission that failed has left a unit: %s", got)
	}
}

// Parameters that a type does not know are ignored, so that later submitters
// can send more.
func TestJSONForm(t *testing.T) {
	n := newCluster(t).node("a")
	sub, err := n.client().Submit(map[string]string{"node": "a", "worktype": "cat", "params": "", "receptor_submission": "x/y"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := sub.Finish(strings.NewReader("")); err != nil {
		t.Fatal(err)
	}
	p := n.next()
	p.output("0123456789")
	p.exit(Succeeded, "exit status 0")
	id := sub.UnitID
	status := `{"State":2,"StateName":"Succeeded","Detail":"exit status 0","StdoutSize":10,"WorkType":"cat","ExtraData":null}`
	for object, want := range map[string]string{
		`{"subcommand":"status","unitid":"` + id + `"}`: status,
		`{"subcommand":"list","unitid":"` + id + `"}`:   `{"` + id + `":` + status + `}`,
		`{"subcommand":"list"}`:                         `{"` + id + `":` + status + `}`,
		`{"subcommand":"cancel","unitid":"` + id + `"}`: `{"cancelled":"` + id + `"}`,
	} {
		if got := n.doJSON(object); got != want {
			t.Errorf("%s:\n %s, want\n %s", object, got, want)
		}
	}
	n.wantEnd(n.results(id, 7), "789")
	if got := n.doJSON(`{"subcommand":"release","unitid":"` + id + `"}`); got != `{"released":"`+id+`"}` {
		t.Errorf("release: %s", got)
	}
}

func TestSubmitLines(t *testing.T) {
	n := newCluster(t).node("a")
	ours, theirs := memConns()
	n.listener.conns <- theirs
	defer ours.Close()
	s := &session{t: t, conn: ours}
	s.in = bufio.NewReader(ours)
	s.expect("Receptor Control, node a\n")
	s.send("work submit localhost sh echo one two\n")
	line, err := s.in.ReadString('\n')
	id, rest, ok := strings.Cut(strings.TrimPrefix(line, "Work unit created with ID "), ".")
	if err != nil || !ok || !validUnitID(id) || rest != " Send stdin data and EOF.\n" {
		t.Fatalf("first answer %q, %v", line, err)
	}
	s.send("stdin")
	n.wantStatus(id, Pending, "Waiting for Input Data")
	ours.CloseWrite()
	if got, err := io.ReadAll(s.in); err != nil || string(got) != `{"result":"Job Started","unitid":"`+id+"\"}\n" {
		t.Errorf("second answer %q, %v", got, err)
	}
	if got := fmt.Sprint(n.next().Args); got != "[-c echo one two]" {
		t.Errorf("arguments %s", got)
	}
}

// The input of a client that breaks off is not taken for the whole.
func TestClientBreaksOffInput(t *testing.T) {
	n := newCluster(t).node("a")
	ours, theirs := memConns()
	n.listener.conns <- theirs
	s := &session{t: t, conn: ours, in: bufio.NewReader(ours)}
	s.expect("Receptor Control")
	s.send("work submit a cat\n")
	line, _ := s.in.ReadString('\n')
	id := strings.TrimPrefix(line, "Work unit created with ID ")[:unitIDLength]
	s.send("half of the in")
	ours.abort()
	n.await(id, Failed, "Error reading input data: ")
	if n.processes.starts != 0 {
		t.Error("it was started all the same")
	}
}

// A session whose client is gone must not stay until the unit ends.
func TestClientBreaksOffResults(t *testing.T) {
	n := newCluster(t).node("a")
	id, _ := n.submit("a", "")
	n.next()
	ours, theirs := memConns()
	n.listener.conns <- theirs
	s := &session{t: t, conn: ours, in: bufio.NewReader(ours)}
	s.expect("Receptor Control")
	s.send("work results %s\n", id)
	s.expect("Streaming results for work unit " + id)
	ours.out.CloseWithError(errCut)
	if _, err := s.in.ReadByte(); err == nil {
		t.Error("there was output")
	}
}

// A client may close its write side as soon as it has asked.
func TestResultsAfterHalfClose(t *testing.T) {
	n := newCluster(t).node("a")
	id, _ := n.submit("a", "")
	p := n.next()
	ours, theirs := memConns()
	n.listener.conns <- theirs
	s := &session{t: t, conn: ours, in: bufio.NewReader(ours)}
	s.expect("Receptor Control")
	s.send("work results %s 2\n", id)
	ours.CloseWrite()
	s.expect("Streaming results for work unit " + id)
	p.output("output")
	p.exit(Succeeded, "exit status 0")
	if got, err := io.ReadAll(s.in); err != nil || string(got) != "tput" {
		t.Errorf("output %q, %v", got, err)
	}
}

func TestResultsEndWithRelease(t *testing.T) {
	n := newCluster(t).node("a")
	id, _ := n.submit("a", "")
	p := n.next()
	live := n.results(id, 0)
	p.output("x")
	n.wantOutput(live, "x")
	done := make(chan string)
	go func() { done <- n.do("work release " + id) }()
	<-p.canceled
	p.exit(Canceled, "Canceled")
	<-done
	n.wantEnd(live, "")
}

func TestAddType(t *testing.T) {
	n := newCluster(t).node("a")
	for _, typ := range []Type{{Name: "cat"}, {Name: ""}, {Name: "Remote"}, {Name: "x", Params: "'"}} {
		if err := n.m.AddType(typ); err == nil {
			t.Errorf("%+v was accepted", typ)
		}
	}
	if got := fmt.Sprint(n.m.WorkCommands()); got != "[{cat false} {sh false}]" {
		t.Errorf("work commands %s", got)
	}
}
