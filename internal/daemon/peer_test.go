//go:build linux

package daemon_test

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
)

// TestMixedMesh puts a deployed node, whose program the environment variable
// RECEPTOR_PEER names, between two of ours and at the end of the row: one -
// two (deployed) - three - four (deployed).
func TestMixedMesh(t *testing.T) {
	program := os.Getenv("RECEPTOR_PEER")
	if program == "" {
		t.Skip("RECEPTOR_PEER names no program of a deployed node")
	}
	dir := t.TempDir()
	ports := []int{freePort(t), freePort(t), freePort(t)}
	listen := func(i int) []string {
		return []string{"--tcp-listener", fmt.Sprint("port=", ports[i]), "bindaddr=127.0.0.1"}
	}
	peer := func(i int) []string { return []string{"--tcp-peer", fmt.Sprint("address=127.0.0.1:", ports[i])} }
	cat := []string{"--work-command", "worktype=cat", "command=cat"}

	one := mustStart(t, dir, "one", append(listen(0), cat...)...)
	startPeer(t, program, dir, "two", append(listen(1), append(peer(0), cat...)...)...)
	three := mustStart(t, dir, "three", append(listen(2), append(peer(1), cat...)...)...)
	four := startPeer(t, program, dir, "four", append(peer(2), cat...)...)
	one.log.wait("Routes computed: 3 nodes", 1)
	three.log.wait("Routes computed: 3 nodes", 1)

	for _, test := range []struct {
		from *node
		to   string
	}{{one, "two"}, {one, "three"}, {one, "four"}, {three, "one"}, {four, "one"}, {four, "three"}} {
		text := "hello " + test.to + "\n"
		unit := test.from.submit(t, map[string]string{"node": test.to, "worktype": "cat"}, text)
		results, err := test.from.client(t).Results(unit, 0)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := io.ReadAll(results); err != nil || string(got) != text {
			t.Errorf("work on %s: %q (%v), want %q", test.to, got, err, text)
		}
		if got, want := test.from.state(t, unit), "Succeeded: exit status 0"; got != want {
			t.Errorf("work on %s is %q, want %q", test.to, got, want)
		}
	}
	answer, err := one.client(t).Do("traceroute four")
	if err != nil || !strings.Contains(string(answer), `"3":{"From":"four"`) {
		t.Errorf("traceroute: %s (%v)", answer, err)
	}
}

// linkKind is how nodes of both kinds are told of a kind of link.
type linkKind struct{ name, listener, peer, scheme, path, server, client string }

// TestMixedLinks puts a deployed node between two of ours, and one of ours between
// two deployed, each of which dials one and is dialled by one, over each kind of
// link.
func TestMixedLinks(t *testing.T) {
	program := os.Getenv("RECEPTOR_PEER")
	if program == "" {
		t.Skip("RECEPTOR_PEER names no program of a deployed node")
	}
	for _, kind := range []linkKind{
		{name: "tcp", listener: "--tcp-listener", peer: "--tcp-peer"},
		{name: "udp", listener: "--udp-listener", peer: "--udp-peer"},
		{name: "websocket", listener: "--ws-listener", peer: "--ws-peer", scheme: "ws://", path: "/mesh"},
		{name: "tcp with TLS", listener: "--tcp-listener", peer: "--tcp-peer", server: "in", client: "out"},
		{name: "websocket with TLS", listener: "--ws-listener", peer: "--ws-peer", scheme: "wss://", path: "/mesh", server: "in", client: "out"},
	} {
		for _, who := range []string{"odo", "dod"} {
			t.Run(kind.name+" "+who, func(t *testing.T) { testMixedLinks(t, program, kind, who) })
		}
	}
}

func testMixedLinks(t *testing.T, program string, kind linkKind, who string) {
	dir := t.TempDir()
	file, authority := tlsFiles(t, dir)
	with := func(id string, args ...string) []string {
		args = append(args, cat...)
		if kind.server == "" {
			return args
		}
		authority.Issue(id, id)
		cert, key, ca := "cert="+file(id+".crt"), "key="+file(id+".key"), file("ca.crt")
		return append(args, "--tls-server", "name=in", cert, key, "requireclientcert=true", "clientcas="+ca,
			"--tls-client", "name=out", cert, key, "rootcas="+ca, "--control-service", "service=secured", "tls=in")
	}
	free := freePort
	if kind.name == "udp" {
		free = freeUDPPort
	}
	ports := []int{free(t), free(t)}
	listen := func(i int) []string {
		args := []string{kind.listener, fmt.Sprint("port=", ports[i]), "bindaddr=127.0.0.1"}
		if kind.path != "" {
			args = append(args, "path="+kind.path)
		}
		if kind.server != "" {
			args = append(args, "tls="+kind.server)
		}
		return args
	}
	peer := func(i int) []string {
		args := []string{kind.peer, fmt.Sprintf("address=%s127.0.0.1:%d%s", kind.scheme, ports[i], kind.path)}
		if kind.client != "" {
			args = append(args, "tls="+kind.client)
		}
		return args
	}
	start := func(i int, id string, args ...string) *node {
		if who[i] == 'd' {
			return startPeer(t, program, dir, id, with(id, args...)...)
		}
		return mustStart(t, dir, id, with(id, args...)...)
	}
	one := start(0, "one", listen(0)...)
	two := start(1, "two", append(listen(1), peer(0)...)...)
	three := start(2, "three", peer(1)...)
	for _, n := range []*node{one, two, three} {
		n.untilReaches(t, 2)
	}

	one.runCat(t, "two", nil)
	one.runCat(t, "three", nil)
	two.runCat(t, "three", nil)
	three.runCat(t, "one", nil)
	if there, back := one.hops(t, "three"), three.hops(t, "one"); there != "one two three" || back != "three two one" {
		t.Errorf("traceroutes: %s, and back %s", there, back)
	}
	if kind.server != "" {
		one.wantSecured(t, "two")
		two.wantSecured(t, "three")
		three.wantSecured(t, "one")
	}
}

// wantSecured connects to a control service of a node by a stream that both
// ends authenticate.
func (n *node) wantSecured(t *testing.T, to string) {
	t.Helper()
	stream, err := n.client(t).Connect(to, "secured", "out")
	if err != nil {
		t.Errorf("stream to %s with TLS: %v", to, err)
		return
	}
	greeting := make([]byte, len("Receptor Control, node "+to))
	if _, err := io.ReadFull(stream, greeting); err != nil || string(greeting) != "Receptor Control, node "+to {
		t.Errorf("over the stream to %s with TLS came %q (%v)", to, greeting, err)
	}
}

// startPeer starts a deployed node, which has a socket as ours have. Firewall rules
// may be at the start of args.
func startPeer(t *testing.T, program, dir, id string, args ...string) *node {
	t.Helper()
	n := &node{log: newLogBuffer(), socket: filepath.Join(dir, id+".sock")}
	data := filepath.Join(dir, "data")
	item := []string{"--node", "id=" + id, "datadir=" + data}
	if len(args) > 0 && strings.HasPrefix(args[0], "firewallrules=") { // in a file: its command line takes none
		rules := strings.TrimPrefix(args[0], "firewallrules=")
		file := filepath.Join(dir, id+".yaml")
		if err := os.WriteFile(file, fmt.Appendf(nil, "- node: {id: %s, datadir: %s, firewallrules: %s}\n", id, data, rules), 0o600); err != nil {
			t.Fatal(err)
		}
		item, args = []string{"--config", file}, args[1:]
	}
	args = slices.Concat([]string{"--log-level", "debug", "--control-service", "filename=" + n.socket}, item, args)
	cmd := exec.Command(program, args...)
	cmd.Stdout, cmd.Stderr = n.log, n.log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	n.kill = sync.OnceFunc(func() {
		cmd.Process.Kill()
		cmd.Process.Wait() // not for what its supervisors, which go on, may still write
	})
	t.Cleanup(func() {
		n.kill()
		if t.Failed() {
			t.Logf("log of %s:\n%s", id, n.log)
		}
	})
	n.log.wait("Initialization complete", 1)
	return n
}

// A deployed node learns at once, even over UDP, that a node of ours has ended.
func TestPeerIsToldOfTheEnd(t *testing.T) {
	program := os.Getenv("RECEPTOR_PEER")
	if program == "" {
		t.Skip("RECEPTOR_PEER names no program of a deployed node")
	}
	for _, kind := range linksOfAllKinds(t) {
		t.Run(kind.name, func(t *testing.T) {
			dir := t.TempDir()
			theirs := startPeer(t, program, dir, "c", kind.listen...)
			ours := mustStart(t, dir, "d", kind.dial...)
			theirs.log.wait("Connection established with d", 1)
			ours.log.wait("Connection established with c ", 1)
			theirs.log.wait("c: d(", 1)
			ours.Close()
			theirs.log.wait("   c: \n", 1)
			if log := theirs.log.String(); strings.Contains(log, "Timing out connection") {
				t.Error("the peer has learned of the end by silence")
			}
		})
	}
}
