//go:build linux

package daemon_test

import (
	"encoding/json"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// configFile is a file that tests write again and again.
type configFile struct {
	t    testing.TB
	name string
}

func newConfigFile(t testing.TB) configFile {
	return configFile{t, filepath.Join(t.TempDir(), "r.yml")}
}

func (f configFile) write(format string, args ...any) {
	f.t.Helper()
	if err := os.WriteFile(f.name, fmt.Appendf(nil, format, args...), 0o600); err != nil {
		f.t.Fatal(err)
	}
}

// reload asks the node to reload, as a client does, and returns the error that
// it answers, with the name of the file left out.
func (n *node) reload(t *testing.T, file configFile) string {
	t.Helper()
	line, err := n.client(t).Do("reload")
	if err != nil {
		t.Fatal(err)
	}
	var answer struct {
		Success bool
		Error   string
	}
	if err := json.Unmarshal(line, &answer); err != nil || answer.Success != (answer.Error == "") {
		t.Fatalf("answer %s (%v)", line, err)
	}
	return strings.ReplaceAll(answer.Error, file.name, "r.yml")
}

// mustReload wants a reload that succeeds.
func (n *node) mustReload(t *testing.T, file configFile) {
	t.Helper()
	if err := n.reload(t, file); err != "" {
		t.Fatal(err)
	}
}

// wantPeers compares the links of the node.
func (n *node) wantPeers(t *testing.T, want string) {
	t.Helper()
	if answer, err := n.client(t).Do(`{"command":"status","requested_fields":["Connections"]}`); err != nil || string(answer) != `{"Connections":`+want+`}` {
		t.Errorf("links: %s (%v), want %s", answer, err, want)
	}
}

// hub is a node with a file, on two of whose ports others are linked to it.
type hub struct {
	*node
	file         configFile
	port1, port2 int
	b, c         *node
}

const hubFile = "- tcp-listener: {port: %d, bindaddr: 127.0.0.1}\n- tcp-listener: {port: %d, bindaddr: 127.0.0.1}\n"

func startHub(t *testing.T) *hub {
	t.Helper()
	dir := t.TempDir()
	h := &hub{file: newConfigFile(t), port1: freePort(t), port2: freePort(t)}
	h.file.write(hubFile, h.port1, h.port2)
	h.node = mustStart(t, dir, "a", "-c", h.file.name)
	h.b = mustStart(t, dir, "b", "--tcp-peer", fmt.Sprint("address=127.0.0.1:", h.port1))
	h.c = mustStart(t, dir, "c", "--tcp-peer", fmt.Sprint("address=127.0.0.1:", h.port2))
	h.linked("b", 1)
	h.linked("c", 1)
	return h
}

// linked waits until a link to a peer has been established n times.
func (h *hub) linked(peer string, n int) { h.log.wait("Connection established with "+peer+" ", n) }

// wantUntouched wants the link to a peer to be the first one.
func (h *hub) wantUntouched(t *testing.T, peer string) {
	t.Helper()
	if log := h.log.String(); strings.Contains(log, "Connection with "+peer) {
		t.Errorf("the link to %s has ended", peer)
	}
}

// Links of what did not change stay up; what changed on one and the same port is
// replaced; what is gone is closed; what is new is started.
func TestReload(t *testing.T) {
	h := startHub(t)
	h.file.write("# as before\n"+hubFile, h.port1, h.port2)
	h.mustReload(t, h.file)
	h.wantUntouched(t, "b")
	h.wantUntouched(t, "c")

	h.file.write("- tcp-listener: {port: %d, bindaddr: 127.0.0.1, allowedpeers: [c]}\n- tcp-listener: {port: %d, bindaddr: 127.0.0.1}\n", h.port2, h.port1)
	h.mustReload(t, h.file)
	h.linked("c", 2)
	h.wantUntouched(t, "b")

	// The end that dials takes the new cost first, and is refused until the other has it.
	h.file.write("- tcp-listener: {port: %d, bindaddr: 127.0.0.1, nodecost: {c: 7}}\n- tcp-listener: {port: %d, bindaddr: 127.0.0.1}\n", h.port2, h.port1)
	h.mustReload(t, h.file)
	h.c.log.wait("Rejected connection with node \"a\"", 1)
	h.wantUntouched(t, "b")

	port3 := freePort(t)
	h.file.write("- tcp-listener: {port: %d, bindaddr: 127.0.0.1}\n- tcp-listener: {port: %d, bindaddr: 127.0.0.1}\n- local-only\n", h.port1, port3)
	h.mustReload(t, h.file)
	if conn, err := net.Dial("tcp", fmt.Sprint("127.0.0.1:", h.port2)); err == nil {
		conn.Close()
		t.Error("the listener that is gone still listens")
	}
	mustStart(t, t.TempDir(), "d", "--tcp-peer", fmt.Sprint("address=127.0.0.1:", port3))
	h.linked("d", 1)
	h.wantUntouched(t, "b")
	h.wantPeers(t, `[{"NodeID":"b","Cost":1},{"NodeID":"d","Cost":1}]`)

	// A file of version 2 that says the same, and dials out.
	h.file.write("tcp-listeners:\n- {port: %d, bindaddr: 127.0.0.1}\ntcp-peers: [\"127.0.0.1:%d\"]\n", h.port1, freePort(t))
	h.mustReload(t, h.file)
	h.wantUntouched(t, "b")
	h.wantPeers(t, `[{"NodeID":"b","Cost":1}]`)
}

// An error leaves everything as it was.
func TestReloadErrors(t *testing.T) {
	h := startHub(t)
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	takenPort := taken.Addr().(*net.TCPAddr).Port
	before := fmt.Sprintf(hubFile, h.port1, h.port2)
	for _, test := range []struct{ name, text, want string }{
		{"not YAML", "- a: b: c\n", "r.yml:1: YAML: mapping values are not allowed in this context: want parameters indented alike"},
		{"mistakes", "- tcp-pear: 1\n- tcp-listener: x\n", "r.yml:1: unknown item \"tcp-pear\": did you mean \"tcp-peer\"?"},
		{"no backends", "- local-only: false\n", "r.yml: the node has no backends"},
		{"added", before + "- work-command: {worktype: x, command: cat}\n",
			"r.yml:3: work-command was added: a reload changes only backends and local-only: want it as it was, or a restart of the node ERRORCODE 3"},
		{"unknown TLS", before + "- tcp-peer: {address: \"127.0.0.1:1\", tls: x}\n", "r.yml:3: tcp-peer: tls names no tls-client"},
		{"port taken", fmt.Sprintf("- tcp-listener: {port: %d, bindaddr: 127.0.0.1}\n- tcp-listener: {port: %d, bindaddr: 127.0.0.1}\n", freePort(t), takenPort),
			fmt.Sprintf("r.yml:2: tcp-listener: tcp listener: listen tcp 127.0.0.1:%d: bind: address already in use: another program, or another item of this node, has that port: end it (ss -lntup lists them), or choose another port ERRORCODE 4", takenPort)},
	} {
		h.file.write("%s", test.text)
		got := h.reload(t, h.file)
		code := " ERRORCODE 4"
		if test.name == "added" {
			code = " ERRORCODE 3"
		}
		if !strings.Contains(got, test.want) || !strings.HasSuffix(got, code) {
			t.Errorf("%s: %q, want %q and the code%s", test.name, got, test.want, code)
		}
		h.wantUntouched(t, "b")
		h.wantUntouched(t, "c")
	}
	if err := os.Remove(h.file.name); err != nil {
		t.Fatal(err)
	}
	if got := h.reload(t, h.file); !strings.Contains(got, "no such file") || !strings.HasSuffix(got, " ERRORCODE 4") {
		t.Errorf("without the file: %q", got)
	}
	h.log.wait("WARNING", 7)
	h.log.wait("did you mean \"tcp-peer\"? (known: ", 1)
	h.log.wait("); "+h.file.name+":2: tcp-listener: port is ", 1) // both on one line

	// Another address of the port can be tried without closing this one.
	h.file.write("- tcp-listener: {port: %d, bindaddr: 127.0.0.1}\n- tcp-listener: {port: %d, bindaddr: 192.0.2.1}\n", h.port1, h.port2)
	if got := h.reload(t, h.file); !strings.Contains(got, "r.yml:2: tcp-listener: tcp listener: listen tcp 192.0.2.1:") || !strings.HasSuffix(got, " ERRORCODE 4") {
		t.Errorf("address that is not of this machine: %q", got)
	}
	h.wantUntouched(t, "c")

	// All addresses cannot; what was closed for it is there again.
	other, err := net.Listen("tcp", fmt.Sprint("127.0.0.2:", h.port2))
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	h.file.write("- tcp-listener: {port: %d, bindaddr: 127.0.0.1}\n- tcp-listener: %d\n", h.port1, h.port2)
	if got := h.reload(t, h.file); !strings.Contains(got, fmt.Sprintf("r.yml:2: tcp-listener: tcp listener: listen tcp 0.0.0.0:%d:", h.port2)) || !strings.HasSuffix(got, " ERRORCODE 4") {
		t.Errorf("port that is taken on another address: %q", got)
	}
	h.linked("c", 2)
	h.wantUntouched(t, "b")
	h.file.write("%s", before)
	h.mustReload(t, h.file)
	h.wantPeers(t, `[{"NodeID":"b","Cost":1},{"NodeID":"c","Cost":1}]`)
}

func TestReloadWithoutFile(t *testing.T) {
	a := mustStart(t, t.TempDir(), "a", "--local-only")
	want := "no configuration file was provided: this node was started by its command line alone, want a restart ERRORCODE 4"
	if got := a.reload(t, newConfigFile(t)); got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

// Reloads at one time are carried out one after the other, whoever asks; and none
// after the end of the node.
func TestReloadsAtOneTime(t *testing.T) {
	file := newConfigFile(t)
	ports := []int{freePort(t), freePort(t)}
	file.write("- tcp-listener: {port: %d, bindaddr: 127.0.0.1}\n", ports[0])
	a := mustStart(t, t.TempDir(), "a", "-c", file.name)
	file.write("- tcp-listener: {port: %d, bindaddr: 127.0.0.1}\n", ports[1])
	var asking sync.WaitGroup
	for range 4 {
		c := a.client(t)
		asking.Go(func() {
			if answer, err := c.Do("reload"); err != nil || string(answer) != `{"Success":true}` {
				t.Errorf("%s (%v)", answer, err)
			}
		})
		asking.Go(func() {
			if err := a.Reload(); err != nil {
				t.Error(err)
			}
		})
	}
	asking.Wait()
	if got := strings.Count(a.log.String(), "1 stopped, 1 started"); got != 1 {
		t.Errorf("%d reloads changed something, want one", got)
	}
	a.Close()
	if err := a.Reload(); err == nil || err.Error() != "the node is stopping ERRORCODE 4" {
		t.Errorf("after the end: %v", err)
	}
}

// A new cost, on one end and then on the other, replaces the link of every kind:
// each end closes what it had on that very port, and the other learns it at once.
func TestReloadOfTheCostOnBothEnds(t *testing.T) {
	for _, kind := range []struct{ name, listener, peer string }{
		{"tcp", "tcp-listener: {port: %d, bindaddr: 127.0.0.1, cost: %s}", "tcp-peer: {address: \"127.0.0.1:%d\", cost: %s}"},
		{"udp", "udp-listener: {port: %d, bindaddr: 127.0.0.1, cost: %s}", "udp-peer: {address: \"127.0.0.1:%d\", cost: %s}"},
		{"websocket", "ws-listener: {port: %d, bindaddr: 127.0.0.1, cost: %s}", "ws-peer: {address: \"ws://127.0.0.1:%d\", cost: %s}"},
	} {
		t.Run(kind.name, func(t *testing.T) {
			dir, port := t.TempDir(), freePort(t)
			if kind.name == "udp" {
				port = freeUDPPort(t)
			}
			fileA, fileB := newConfigFile(t), newConfigFile(t)
			fileA.write("- "+kind.listener+"\n", port, "1")
			fileB.write("- "+kind.peer+"\n", port, "1")
			a := mustStart(t, dir, "a", "-c", fileA.name)
			b := mustStart(t, dir, "b", "-c", fileB.name)
			a.log.wait("Connection established with b ", 1)
			b.log.wait("Connection established with a ", 1)
			fileA.write("- "+kind.listener+"\n", port, "2")
			a.mustReload(t, fileA)
			b.log.wait("Connection with a ", 1)
			fileB.write("- "+kind.peer+"\n", port, "2.0")
			b.mustReload(t, fileB)
			a.log.wait(", cost 2)", 1)
			b.log.wait(", cost 2)", 1)
			b.wantPeers(t, `[{"NodeID":"a","Cost":2}]`)
			for _, n := range []*node{a, b} {
				if log := n.log.String(); strings.Contains(log, "nothing arrived") || strings.Contains(log, "nothing has arrived") {
					t.Errorf("the end of a link was learned by silence:\n%s", log)
				}
			}
		})
	}
}
