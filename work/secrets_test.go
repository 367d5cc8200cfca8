package work

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

const secret = "hunter2"

// wantHidden looks for a secret in all that others than the owner of a node may
// see: answers, events, and files other than those that keep it.
func (n *testNode) wantHidden(secret, unit string, keptIn ...string) {
	n.t.Helper()
	for _, command := range []string{"work list", "work status " + unit, "work list " + unit} {
		if answer := n.do(command); strings.Contains(answer, secret) {
			n.t.Errorf("%s: %s", command, answer)
		}
	}
	for len(n.events) > 0 {
		if e := fmt.Sprintf("%+v", <-n.events); strings.Contains(e, secret) {
			n.t.Errorf("event %s", e)
		}
	}
	for _, name := range n.fs.Tree("/data/" + n.id) {
		if strings.Contains(n.fs.get(name), secret) && !slices.Contains(keptIn, path.Base(name)) {
			n.t.Errorf("it is in %s", name)
		}
	}
}

func TestSecretsAreHidden(t *testing.T) {
	for _, name := range []string{"secret_token", "Secret_Token", "SECRET_"} {
		t.Run(name, func(t *testing.T) {
			c := newCluster(t)
			c.tlsClient = "out"
			a, b := c.node("a"), c.node("b")
			fields := map[string]string{"node": "b", "worktype": "cat", name: secret, "plain": "seen"}
			if _, err := a.client().Submit(fields); err == nil || err.Error() != "cannot send secrets over a non-TLS connection" {
				t.Errorf("without TLS: %v", err)
			}
			fields["tlsclient"] = "out"
			c.setDown("b", errors.New("no route to node b"))
			sub, err := a.client().Submit(fields)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := sub.Finish(strings.NewReader("")); err != nil {
				t.Fatal(err)
			}
			unit := sub.UnitID
			a.wantHidden(secret, unit, StatusFile)
			a.stop()
			c.setDown("b", nil)
			a.start()
			p := b.next()
			a.wantHidden(secret, unit, StatusFile)
			b.wantHidden(secret, path.Base(p.Dir))
			p.exit(Failed, "exit status 1")
			a.await(unit, Failed, "exit status 1")
			a.wantHidden(secret, unit, StatusFile)
			b.wantHidden(secret, path.Base(p.Dir))
			if answer := a.do("work status " + unit); !strings.Contains(answer, `"plain":"seen"`) {
				t.Errorf("status %s", answer)
			}
			a.do("work release " + unit)
			if left := append(a.left(), b.left()...); len(left) != 0 {
				t.Errorf("left: %v", left)
			}
		})
	}
}

// A submission that is refused says why without what it holds.
func TestRefusalsHideParameters(t *testing.T) {
	n := newCluster(t).node("a")
	for _, params := range []string{secret + "'", secret + "\x00", secret + `\`} {
		got := n.doJSON(fmt.Sprintf(`{"subcommand":"submit","node":"a","worktype":"sh","params":%s}`, mustJSON(params)))
		if !strings.HasPrefix(got, "ERROR: ") || strings.Contains(got, secret) {
			t.Errorf("%q: %s", params, got)
		}
	}
}

// Whatever runtime parameters are, they are arguments, each a whole word, after
// those that the type has.
func FuzzParams(f *testing.F) {
	for _, s := range []string{"", "a b", "'a b' \"c\" \\d", "# a", "a #b\nc", "--", "-rf /", "../../etc", "$(id) `id` ;&|", "\x00", "\xff", "'", "\\", "\n", "a\r\nb"} {
		f.Add("-c 'x y'", s)
		f.Add("", s)
		f.Add("a # b", s)
	}
	f.Fuzz(func(t *testing.T, base, runtime string) {
		own, err := splitParams(base)
		if err != nil {
			return // AddType refuses it
		}
		typ := Type{Name: "x", Params: base}
		if _, err := typ.withRuntime(runtime); (err == nil) != (runtime == "") {
			t.Fatalf("a type without runtime parameters: %v", err)
		}
		typ.AllowRuntimeParams = true
		params, err := typ.withRuntime(runtime)
		if err != nil {
			t.Fatal(err)
		}
		words, err := splitParams(params)
		if err != nil {
			if strings.Contains(err.Error(), runtime) && len(runtime) > 20 {
				t.Fatalf("the error shows the parameters: %v", err)
			}
			return
		}
		if len(words) < len(own) {
			t.Fatalf("%q with %q: words %q, want those of the type first", base, runtime, words)
		}
		for i, word := range words {
			switch {
			case strings.Contains(word, "\x00"), !utf8.ValidString(word):
				t.Fatalf("argument %q", word)
			case i < len(own) && word != own[i]:
				t.Fatalf("%q with %q: words %q, want those of the type first", base, runtime, words)
			}
		}
	})
}

// FuzzCommand: whatever a client sends, nothing outside the node's directory is
// touched, and the node goes on.
func FuzzCommand(f *testing.F) {
	for _, s := range []string{
		"work", "work submit a cat", "work submit a sh 'echo x'", "work submit  ../x cat", "work list ..", "work status ../a", "work release .",
		"work results unit00001 9223372036854775807", "work force-release ../../data", "work cancel \x00",
		`{"command":"work","subcommand":"submit","node":"a","worktype":"cat","receptor_submission":"../../x"}`,
		`{"command":"work","subcommand":"submit","node":"../b","worktype":"cat","secret_x":"y","tlsclient":"../z","ttl":"-1h"}`,
		`{"command":"work","subcommand":"release","receptor_submission":"a/.."}`,
		`{"command":"work","subcommand":"results","unitid":"../status","startpos":-1,"stream":"stderr","signature":"."}`,
		`{"command":"work","subcommand":"status","unitid":["x"]}`, `{"command":"work","subcommand":"submit","node":"a","worktype":"sh","params":"` + strings.Repeat("a ", 1000) + `"}`,
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, line string) {
		c := newCluster(t)
		n := c.node("a")
		ours, theirs := memConns()
		n.listener.conns <- theirs
		defer ours.Close()
		go func() {
			ours.Write([]byte(line + "\n"))
			ours.CloseWrite()
		}()
		buf := make([]byte, 4096)
		for {
			if _, err := ours.Read(buf); err != nil {
				break
			}
		}
		n.fs.mu.Lock()
		for _, op := range n.fs.ops {
			_, name, _ := strings.Cut(op, " ")
			if inside := name == "/data/a" || strings.HasPrefix(name, "/data/a/") && name == path.Clean(name); !inside && !strings.HasPrefix(op, "syncdir /") && op != "mkdir /data" {
				t.Errorf("%s was done", op)
			}
		}
		n.fs.mu.Unlock()
		if got := n.do("work list"); !strings.HasPrefix(got, "{") {
			t.Errorf("list afterwards: %s", got)
		}
	})
}

// What a hostile node answers is kept only as far as it makes sense.
func TestHostileAnswers(t *testing.T) {
	c := newCluster(t)
	a := c.node("a")
	accept := c.played("b")
	id, result := a.submitLater("b", "")
	s := accept().greet()
	s.expect(`"subcommand":"submit"`)
	go s.send("Work unit created with ID %s. Send stdin data and EOF.\n", strings.Repeat("x", 10_000))
	if got := <-result; !strings.Contains(got, "the answer should name the ID of the unit") {
		t.Errorf("result %.100q", got)
	}
	if status := a.do("work status " + id); len(status) > 5000 {
		t.Errorf("a status of %d bytes", len(status))
	}

	id, results, status := follow(t, a, accept)
	results.send("Streaming results for work unit remote01\n")
	status.send(`{"State":1,"StateName":"Running","Detail":"%s","StdoutSize":0,"WorkType":"cat","ExtraData":null}`+"\n", strings.Repeat("ü", 100_000))
	s2 := a.await(id, Running, "ü")
	if len(s2.Detail) > maxDetail+10 || !utf8.ValidString(s2.Detail) {
		t.Errorf("a Detail of %d bytes", len(s2.Detail))
	}
}
