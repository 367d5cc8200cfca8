package work

import (
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"

	"receptor/control"
)

// signatures are those of nodes that share a key: "NODE/HASH" signs a command,
// and "NODE/" any.
type signatures struct {
	mu   sync.Mutex
	made []string
	fail error // that signing ends with
}

func (s *signatures) sign(node, command string) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fail != nil {
		return "", s.fail
	}
	signature := node + "/" + command
	s.made = append(s.made, signature)
	return signature, nil
}

func (s *signatures) setFail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fail = err
}

func (s *signatures) verifier(node string) func(signature, command string) error {
	return func(signature, command string) error {
		if signature != node+"/" && signature != node+"/"+command {
			return errors.New("could not verify signature: wrong")
		}
		return nil
	}
}

func (s *signatures) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.made)
}

// signed adds the work type "signed" to a node, and keys.
func (n *testNode) signed(s *signatures) *testNode {
	n.t.Helper()
	n.m.sign, n.m.verify = s.sign, s.verifier(n.id)
	if err := n.m.AddType(Type{Name: "signed", Command: "cat", VerifySignature: true}); err != nil {
		n.t.Fatal(err)
	}
	return n
}

// localConn is a connection by a Unix socket.
type localConn struct{ *memConn }

func (localConn) LocalAddr() net.Addr { return &net.UnixAddr{Net: "unix"} }

// owner opens a control session on the node's Unix socket.
func (n *testNode) owner() *control.Client {
	n.t.Helper()
	ours, theirs := memConns()
	n.listener.conns <- localConn{theirs}
	n.t.Cleanup(func() { ours.Close() })
	client, _, err := control.NewClient(ours)
	if err != nil {
		n.t.Fatal(err)
	}
	return client
}

// submitSigned submits a unit by a session.
func submitSigned(t *testing.T, c *control.Client, fields map[string]string) (id string) {
	t.Helper()
	sub, err := c.Submit(fields)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := sub.Finish(strings.NewReader("")); err != nil {
		t.Fatal(err)
	}
	return sub.UnitID
}

func TestSignedTypeRefusesOrders(t *testing.T) {
	n := newCluster(t).node("a")
	n.signed(&signatures{})
	unit := submitSigned(t, n.owner(), map[string]string{"node": "a", "worktype": "signed"})
	p := n.next()
	submit := `{"subcommand":"submit","node":"a","worktype":"signed"`
	orders := []string{submit}
	for _, name := range []string{"cancel", "release", "force-release"} {
		orders = append(orders, fmt.Sprintf(`{"subcommand":%q,"unitid":%q`, name, unit))
	}
	orders = append(orders, fmt.Sprintf(`{"subcommand":"results","startpos":0,"unitid":%q`, unit))
	otherHash := commandHash(map[string]any{"subcommand": "status", "unitid": unit})
	for _, order := range orders {
		for signature, want := range map[string]string{
			``:                                   "could not verify signature: signature is empty",
			`,"signature":""`:                    "could not verify signature: signature is empty",
			`,"signature":"b/"`:                  "could not verify signature: wrong",
			`,"signature":"a/` + otherHash + `"`: "could not verify signature: wrong",
		} {
			if got := n.doJSON(order + signature + "}"); got != "ERROR: "+want {
				t.Errorf("%s%s}: %s, want %s", order, signature, got, want)
			}
		}
	}
	for _, words := range []string{"submit a signed", "cancel " + unit, "release " + unit, "force-release " + unit, "results " + unit} {
		if got, want := n.do("work "+words), "ERROR: could not verify signature: signature is empty"; got != want {
			t.Errorf("%s: %s, want %s", words, got, want)
		}
	}
	n.m.verify = nil
	if got, want := n.doJSON(submit+`,"signature":"a/"}`), "ERROR: could not verify signature: verifying key not specified"; got != want {
		t.Errorf("without a key: %s, want %s", got, want)
	}
	if len(p.canceled) != 0 || len(n.m.all()) != 1 {
		t.Error("an order was carried out all the same")
	}
	// Anybody may look.
	n.wantStatus(unit, Pending, "")
}

func TestSignedTypeTakesOrders(t *testing.T) {
	n := newCluster(t).node("a")
	n.signed(&signatures{})
	// As a deployed node signs.
	any := submitSigned(t, n.client(), map[string]string{"node": "a", "worktype": "signed", "signature": "a/"})
	n.next().exit(Succeeded, "exit status 0")
	if got, want := n.doJSON(`{"subcommand":"release","unitid":"`+any+`","signature":"a/"}`), `{"released":"`+any+`"}`; got != want {
		t.Errorf("release: %s, want %s", got, want)
	}
	// The owner of the node needs none.
	own := submitSigned(t, n.owner(), map[string]string{"node": "a", "worktype": "signed"})
	p := n.next()
	p.output("out")
	p.exit(Succeeded, "exit status 0")
	r, err := n.owner().Results(own, 0)
	if err != nil {
		t.Fatal(err)
	}
	n.wantEnd(r, "out")
	if answer, err := n.owner().Do("work release " + own); err != nil {
		t.Errorf("release: %s, %v", answer, err)
	}
	if got := fmt.Sprint(n.m.WorkCommands()); got != "[{cat false} {sh false} {signed true}]" {
		t.Errorf("advertised: %s", got)
	}
}

// All that is said to the other node about a signed unit is signed anew, for
// that command alone; but for status, which nobody verifies.
func TestRemoteUnitIsSigned(t *testing.T) {
	c := newCluster(t)
	a, b := c.node("a"), c.node("b")
	var keys signatures
	a.signed(&keys)
	b.signed(&keys)
	unit := submitSigned(t, a.owner(), map[string]string{"node": "b", "worktype": "signed", "signwork": "true"})
	p := b.next()
	p.status(Running, "Running: PID 7")
	c.clock.waitTimer(t, askFirst)
	c.clock.advance(askFirst)
	a.await(unit, Running, "")
	p.output("output")
	live, err := a.owner().Results(unit, 0)
	if err != nil {
		t.Fatal(err)
	}
	a.wantOutput(live, "output")
	canceled := make(chan error)
	go func() {
		_, err := a.owner().Do("work cancel " + unit)
		canceled <- err
	}()
	<-p.canceled
	p.exit(Canceled, "Canceled")
	if err := <-canceled; err != nil {
		t.Errorf("cancel: %v", err)
	}
	a.wantEnd(live, "")
	before := keys.count()
	if before < 3 {
		t.Errorf("signatures %q, want them for submit, results and cancel", keys.made)
	}

	// Whoever is not the owner must sign for orders about it, too.
	for _, words := range []string{"cancel ", "release ", "force-release ", "results "} {
		if got, want := a.do("work "+words+unit), "ERROR: could not verify signature: signature is empty"; got != want {
			t.Errorf("%s: %s, want %s", words, got, want)
		}
	}
	if answer, err := a.owner().Do("work release " + unit); err != nil || string(answer) != `{"released":"`+unit+`"}` {
		t.Errorf("release: %s, %v", answer, err)
	}
	if got := keys.count(); got != before+1 {
		t.Errorf("%d signatures for a release, want one", got-before)
	}
	seen := make(map[string]bool)
	for _, signature := range keys.made {
		if !strings.HasPrefix(signature, "b/") || seen[signature] && !strings.HasSuffix(signature, "/") {
			t.Errorf("signature %q is for another node or has come before", signature)
		}
		seen[signature] = true
	}
}

// So is the withdrawal of a submission that has got no answer.
func TestWithdrawalByRemoteUnit(t *testing.T) {
	c := newCluster(t)
	a := c.node("a").signed(&signatures{})
	accept := c.played("b")
	c.plain["b"] = false
	sub, err := a.owner().Submit(map[string]string{"node": "b", "worktype": "signed", "signwork": "true"})
	if err != nil {
		t.Fatal(err)
	}
	go sub.Finish(strings.NewReader(""))
	s := accept().greet()
	s.expect(`"subcommand":"submit"`)
	released := make(chan string)
	go func() {
		answer, err := a.owner().Do("work release " + sub.UnitID)
		released <- fmt.Sprint(string(answer), err)
	}()
	s = accept().greet()
	key := "a/" + sub.UnitID + "/" + a.secretOf(sub.UnitID)
	hash := commandHash(map[string]any{"subcommand": "release", "worktype": "signed", paramSubmission: key})
	s.expect(fmt.Sprintf(`"receptor_submission":%q,"signature":"b/%s","subcommand":"release","worktype":"signed"`, key, hash))
	s.send("{\"released\":\"\"}\n")
	if got, want := <-released, `{"released":"`+sub.UnitID+`"}<nil>`; got != want {
		t.Errorf("release: %s, want %s", got, want)
	}
}

// A node that has lost its key says so, and goes on when it has it again.
func TestSigningKeyIsMissing(t *testing.T) {
	c := newCluster(t)
	a, b := c.node("a"), c.node("b")
	var keys signatures
	b.signed(&keys)
	if got, want := a.doJSON(`{"subcommand":"submit","node":"b","worktype":"signed","signwork":"true"}`),
		"ERROR: cannot sign work: signing key is empty: this node has no work-signing"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	a.signed(&keys)
	c.setDown("b", errors.New("no route to node b"))
	sub, err := a.owner().Submit(map[string]string{"node": "b", "worktype": "signed", "signwork": "true"})
	if err != nil {
		t.Fatal(err)
	}
	if result, err := sub.Finish(strings.NewReader("")); err != nil || result != "Job Submitted" {
		t.Fatalf("result %q, %v", result, err)
	}
	a.stop()
	a.start()
	a.await(sub.UnitID, Pending, "cannot sign work: signing key is empty")
	c.setDown("b", nil)
	a.stop()
	a.signWith = keys.sign
	a.start()
	b.next().exit(Succeeded, "exit status 0")
	a.await(sub.UnitID, Succeeded, "")
}

func TestCommandHash(t *testing.T) {
	base := map[string]any{"command": "work", "subcommand": "results", "unitid": "u", "startpos": 7, "signature": "s"}
	want := commandHash(base)
	same := []map[string]any{
		{"subcommand": "results", "unitid": "u", "startpos": 7},
		{"subcommand": "results", "unitid": "u", "startpos": "7"},
	}
	for _, fields := range same {
		if commandHash(fields) != want {
			t.Errorf("%v has another hash", fields)
		}
	}
	for _, fields := range []map[string]any{
		{"subcommand": "results", "unitid": "u", "startpos": 8},
		{"subcommand": "results", "unitid": "v", "startpos": 7},
		{"subcommand": "release", "unitid": "u", "startpos": 7},
		{"subcommand": "results", "unitid": "u"},
		{"subcommand": "results", "unitid": "u8:startpos1:7"},
		{"subcommand": "results", "unitid": "u", "startpos": 7, "x": ""},
		{"Subcommand": "results", "unitid": "u", "startpos": 7},
	} {
		if commandHash(fields) == want {
			t.Errorf("%v has the same hash", fields)
		}
	}
	// It is part of the protocol.
	if got, want := commandHash(map[string]any{"subcommand": "cancel", "unitid": "abcdefgh"}), "EftQs3AWgFqE3czEYDvNS48fK89bIhimNq-IgIff1Zg"; got != want {
		t.Errorf("hash %s, want %s", got, want)
	}
}

// A damaged directory may be of a type whose orders are to be signed.
func TestDamagedUnitIsReleasedByItsOwner(t *testing.T) {
	n := newCluster(t).node("a")
	n.stop()
	n.fs.Put("/data/a/empty000/status", "")
	n.types = []Type{{Name: "signed", Command: "cat", VerifySignature: true}}
	n.start()
	if got := n.do("work force-release empty000"); !strings.Contains(got, "signature is empty") {
		t.Errorf("a stranger: %s", got)
	}
	if _, err := n.owner().Do("work force-release empty000"); err != nil {
		t.Errorf("the owner: %v", err)
	}
}

// A node whose clock has been set back signs what has expired elsewhere. Where its unit is
// already, it is to be told so, or it would take it for one that was refused, and never ran.
func TestBadSignatureOfSubmissionAgain(t *testing.T) {
	n := newCluster(t).node("b")
	n.signed(&signatures{})
	submit := func(key, signature string) (*control.Submission, error) {
		return n.client().Submit(map[string]string{
			"node": "b", "worktype": "signed", "signature": signature, paramSubmission: key, paramStdin: mark(""),
		})
	}
	first, err := submit("a/unit0001", "b/")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := first.Finish(strings.NewReader("")); err != nil {
		t.Fatal(err)
	}
	for key, want := range map[string]string{
		"a/unit0001": hereText + "could not verify signature: wrong",
		"a/unit0002": "could not verify signature: wrong",
	} {
		var refused *control.RemoteError
		if _, err := submit(key, "other/"); !errors.As(err, &refused) || refused.Text != want {
			t.Errorf("submission %s: %v, want %s", key, err, want)
		}
	}
	if again, err := submit("a/unit0001", "b/"); err != nil || again.UnitID != first.UnitID {
		t.Errorf("with a good signature: %+v, %v, want unit %s", again, err, first.UnitID)
	}
}
