//go:build linux

package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"

	"receptor/control"
)

// side is one command line for both clients.
type side struct {
	// args are split at blanks. SLEEPING and DONE stand for new units, FILE for
	// a file, ABSENT for one that does not exist, NODE and OTHER for the node that
	// is asked and the one next to it, CONFIG for a file with a tls-client "good".
	args  string
	stdin string
	// code and stdout are what both come to; stdout is compared after
	// normalize, and not with a text of the test if that is empty.
	code   int
	stdout string
	// anyOrder: a deployed node answers in an order of its own each time.
	anyOrder bool
	// differs says why the Python client does something else than code and
	// stdout, which it must then.
	differs string
}

// sides is all of section 8 of the protocol but for connect, which wants a
// terminal in Python.
var sides = []side{
	{args: "status", anyOrder: true},
	{args: "status --json", anyOrder: true},
	{args: "version", stdout: "receptorctl  VERSION\nreceptor     VERSION\n"},
	{args: "--help", differs: "a text of its own"},
	{args: "work --help", differs: "a text of its own"},
	{args: "work submit --help", differs: "a text of its own"},
	{args: "ping OTHER --count 2 --delay 0", stdout: "Reply from OTHER in TIME\nReply from OTHER in TIME\n"},
	{args: "ping --count=1 NODE", stdout: "Reply from NODE in TIME\n"},
	{args: "ping OTHER --count 0"},
	{args: "ping nosuch --count 1", code: 2},
	{args: "ping OTHER --count x", code: 1},
	{args: "ping", code: 1},
	{args: "traceroute OTHER", stdout: "0: NODE in TIME\n1: OTHER in TIME\n"},
	{args: "traceroute nosuch"},
	{args: "traceroute", code: 1},
	{args: "nosuch", code: 1},
	{args: "work nosuch", code: 1},
	{args: "status --nosuch", code: 1},
	{args: "--socket ABSENT status", code: 1},
	{args: "--socket nosuch://a:1 status", code: 1},

	{args: "work list", stdout: "{}\n"},
	{args: "work list --quiet"},
	{args: "work list -q --node OTHER"},
	{args: "work list --node OTHER", stdout: "{}\n"},
	{args: "work list --node nosuch", code: 1},
	{args: "work list --unit_id nosuch", code: 1},
	{args: "work list --node OTHER --tls-client nosuch", code: 1},

	{args: "work submit cat --no-payload", stdout: started},
	{args: "work submit -n cat", stdout: started},
	{args: "work submit cat -nf"},
	{args: "work submit cat -l hello -f", stdout: "hello\n"},
	{args: "work submit cat --payload-literal=hello --follow --node OTHER", stdout: "hello\n"},
	{args: "work submit cat -l hello --follow --node NODE", stdout: "hello\n"},
	{args: "work submit cat -p FILE --follow", stdout: "of a file\n"},
	{args: "work submit cat --payload - --follow", stdin: "typed", stdout: "typed"},
	{args: "work submit cat -p- -f --node OTHER --ttl 1h", stdin: "typed", stdout: "typed"},
	{args: "work submit cat --node=  -n", stdout: started},
	{args: "work submit echo -n -f a b", stdout: "a b\n"},
	{args: "work submit echo -n -f -a params=x y z", stdout: "x y z\n"},
	{args: "work submit -n -f --param params=@FILE echo", stdout: "of a file\n"},
	{args: "work submit -n -f -a params=@@FILE echo", stdout: "@@FILE\n"},
	{args: "work submit echo -nf -- -x --follow", stdout: "-x --follow\n"},
	{args: "work submit echo -nf -a params=a=b", stdout: "a=b\n"},
	{args: "work submit echo -nf -a params=", stdout: "\n", differs: "101: an empty value is an index out of range"},
	{args: "work submit fail -n --follow", code: 1, stdout: "bad\n"},
	{args: "work submit fail -n --follow --node OTHER", code: 1, stdout: "bad\n"},
	{args: "work submit cat -l hello --follow --rm", stdout: "hello\n", differs: "(UNIT, released) follows the results"},
	{args: "work submit fail -nf --rm", code: 1, stdout: "bad\n", differs: "(UNIT, released) follows the results"},
	{args: "work submit cat -l hello --rm", stdout: "hello\n", differs: "the unit is released at once, seen by nobody"},
	{args: "work submit nosuch -n", code: 101},
	{args: "work submit cat -n --ttl 1h", code: 101},
	{args: "work submit cat -n --ttl x --node OTHER", code: 101},
	{args: "work submit cat -n --tls-client nosuch --node OTHER", code: 101},
	{args: "work submit cat -n a", code: 101},
	{args: "work submit cat -n -a foo", code: 101},
	{args: "work submit cat -n -a foo=@ABSENT", code: 101},
	{args: "work submit cat -n -a node=x", code: 101},
	{args: "work submit cat", code: 1},
	{args: "work submit", code: 1},
	{args: "work submit cat -n -l x", code: 1},
	{args: "work submit cat -p ABSENT", code: 1},

	{args: "work results DONE", stdout: "hello\n"},
	{args: "work results nosuch", code: 1},
	{args: "work results", code: 1},
	{args: "work status nosuch", code: 1},
	{args: "work cancel SLEEPING", stdout: "Cancelled:\n(UNIT, cancelled)\n"},
	{args: "work cancel SLEEPING SLEEPING", stdout: "Cancelled:\n(UNIT, cancelled)\n(UNIT, cancelled)\n"},
	{args: "work cancel"},
	{args: "work cancel nosuch", code: 1, differs: "a title above nothing"},
	{args: "work cancel nosuch SLEEPING", code: 1, stdout: "Cancelled:\n(UNIT, cancelled)\n", differs: "the others have no turn"},
	{args: "work release DONE SLEEPING", stdout: "Released:\n(UNIT, released)\n(UNIT, released)\n"},
	{args: "work release --force DONE", stdout: "Released:\n(UNIT, released)\n"},
	{args: "work release"},
	{args: "work release --all", stdout: "Released:\n"},
	{args: "work release --all --force", stdout: "Released:\n"},
	{args: "work release nosuch", code: 1, differs: "a title above nothing"},

	{args: "--config ABSENT status", code: 1},
	{args: "-c CONFIG status", code: 1},
	{args: "-c CONFIG --tls-client good version", stdout: "receptorctl  VERSION\nreceptor     VERSION\n"},
	{args: "-c CONFIG --tls-client good --rootcas x version", code: 1},
	{args: "--tls-client good version", stdout: "receptorctl  VERSION\nreceptor     VERSION\n"},
	{args: "--insecureskipverify True version", stdout: "receptorctl  VERSION\nreceptor     VERSION\n"},
}

// TestSideBySide has this program and the Python receptorctl do the same, with
// a node of ours and with a deployed one. RECEPTOR_PEER names the program of a
// deployed node, RECEPTORCTL_PEER the other client.
func TestSideBySide(t *testing.T) {
	peer, python := os.Getenv("RECEPTOR_PEER"), os.Getenv("RECEPTORCTL_PEER")
	if peer == "" || python == "" {
		t.Skip("RECEPTOR_PEER names no program of a deployed node, or RECEPTORCTL_PEER no Python receptorctl")
	}
	p := &pair{t: t, dir: t.TempDir(), python: python, file: certificates(t)}
	p.ours = filepath.Join(p.dir, "receptorctl")
	p.build("receptor", "..")
	p.build("receptorctl", "..")
	p.write("file", "of a file\n")
	p.write("config.yaml", "- tls-client: {name: good, rootcas: "+p.file("ca.crt")+"}\n")
	port := freePort(t)
	ours, theirs := freePort(t), freePort(t)
	p.start("./receptor", "ours", ours, fmt.Sprintf("- tcp-listener: {port: %d, bindaddr: 127.0.0.1}\n", port))
	p.start(peer, "theirs", theirs, fmt.Sprintf("- tcp-peer: {address: \"127.0.0.1:%d\"}\n", port))
	for _, node := range []string{"ours", "theirs"} {
		p.waitForMesh(node)
	}
	for _, s := range sides {
		t.Run(s.args, func(t *testing.T) {
			p.compare(t, s, "ours", "theirs", "ours.sock")
			p.compare(t, s, "theirs", "ours", "theirs.sock")
		})
	}
	for _, s := range []side{
		{args: "-c CONFIG --tls-client good work submit cat -l hello -f", stdout: "hello\n"},
		{args: "--rootcas " + p.file("ca.crt") + " version", stdout: "receptorctl  VERSION\nreceptor     VERSION\n"},
		{args: "version", code: 1},
		{args: "--insecureskipverify true version", stdout: "receptorctl  VERSION\nreceptor     VERSION\n", differs: "who signed a certificate is checked all the same"},
	} {
		p.compare(t, s, "ours", "theirs", fmt.Sprint("tls://127.0.0.1:", ours))
		p.compare(t, s, "theirs", "ours", fmt.Sprint("tls://127.0.0.1:", theirs))
	}
	for _, r := range []struct {
		more string // what is added to the file of a node
		side side
	}{
		{"", side{args: "reload", stdout: "Reload successful\n"}},
		{"- tcp-peer: {address: \"127.0.0.1:1\"}\n", side{args: "reload", stdout: "Reload successful\n"}},
		{"- work-command: {worktype: more, command: more}\n", side{args: "reload", code: 3}},
		{"- nosuch: {a: b}\n", side{args: "reload", code: 4}},
	} {
		for _, node := range []string{"ours", "theirs"} {
			file := filepath.Join(p.dir, node+".yaml")
			before, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			p.write(node+".yaml", string(before)+r.more)
			p.compare(t, r.side, node, node, node+".sock")
			p.write(node+".yaml", string(before))
		}
	}
}

// pair is the two clients, and the nodes that they talk to.
type pair struct {
	t            *testing.T
	dir          string
	file         func(name string) string
	ours, python string
}

func (p *pair) build(program, dir string) {
	p.t.Helper()
	cmd := exec.Command("go", "build", "-o", filepath.Join(p.dir, program), "./"+program)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		p.t.Fatalf("build %s: %v\n%s", program, err, out)
	}
}

func freePort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

func (p *pair) write(name, text string) {
	p.t.Helper()
	if err := os.WriteFile(filepath.Join(p.dir, name), []byte(text), 0o600); err != nil {
		p.t.Fatal(err)
	}
}

// start starts a node with a control service on a socket, and with TLS on a
// port.
func (p *pair) start(program, id string, port int, links string) {
	p.t.Helper()
	p.write(id+".yaml", fmt.Sprintf(`
- node: {id: %s, datadir: %s/data}
- control-service: {filename: %s.sock}
- tls-server: {name: in, cert: %s, key: %s, skipreceptornamescheck: true}
- control-service: {service: secure, tcplisten: "127.0.0.1:%d", tcptls: in}
- work-command: {worktype: cat, command: cat}
- work-command: {worktype: echo, command: echo, allowruntimeparams: true}
- work-command: {worktype: fail, command: sh, params: "-c 'echo bad; exit 3'"}
- work-command: {worktype: sleep, command: sleep, params: "1000"}
%s`, id, p.dir, id, p.file("server.crt"), p.file("server.key"), port, links))
	cmd := exec.Command(program, "--config", id+".yaml")
	cmd.Dir = p.dir
	log := new(bytes.Buffer)
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
		if p.t.Failed() {
			p.t.Logf("log of %s:\n%s", id, log)
		}
	})
}

// waitForMesh asks a node again and again until it knows the services of both.
func (p *pair) waitForMesh(node string) {
	for known := 0; known < 2; {
		conn, err := net.Dial("unix", filepath.Join(p.dir, node+".sock"))
		if errors.Is(err, os.ErrNotExist) || errors.Is(err, syscall.ECONNREFUSED) {
			continue // it has not come so far
		} else if err != nil {
			p.t.Fatal(err)
		}
		client, _, err := control.NewClient(conn)
		if err != nil {
			p.t.Fatal(err)
		}
		answer, err := client.Do("status")
		client.Close()
		var st nodeStatus
		if err != nil || json.Unmarshal(answer, &st) != nil {
			p.t.Fatalf("status of %s: %s (%v)", node, answer, err)
		}
		nodes := make(map[string]bool)
		for _, ad := range st.Advertisements {
			nodes[ad.NodeID] = true
		}
		known = len(nodes)
	}
}

// compare runs both clients.
func (p *pair) compare(t *testing.T, s side, node, other, socket string) {
	t.Helper()
	ours := p.run(t, p.ours, s, node, other, socket)
	python := p.run(t, p.python, s, node, other, socket)
	if s.anyOrder {
		ours.stdout, python.stdout = sortedLines(ours.stdout), sortedLines(python.stdout)
	}
	if ours.code != s.code || s.stdout != "" && ours.stdout != s.stdout {
		t.Errorf("at %s, this program ends with %d, want %d, and prints\n%s\nwant\n%s\nstderr: %s", node, ours.code, s.code, ours.stdout, s.stdout, ours.stderr)
	}
	switch same := ours.code == python.code && ours.stdout == python.stdout; {
	case s.differs == "" && !same:
		t.Errorf("at %s, the Python client ends with %d, this program with %d. It prints\n%s\nthis program\n%s\nand on stderr\n%s\nthis program\n%s",
			node, python.code, ours.code, python.stdout, ours.stdout, python.stderr, ours.stderr)
	case s.differs != "" && same:
		t.Errorf("at %s, both clients end with %d and print\n%s\nbut this should differ: %s", node, ours.code, ours.stdout, s.differs)
	}
}

func sortedLines(s string) string {
	return strings.Join(slices.Sorted(strings.Lines(s)), "")
}

// run runs one client, and leaves no units behind.
func (p *pair) run(t *testing.T, program string, s side, node, other, socket string) outcome {
	t.Helper()
	var args []string
	for _, arg := range strings.Fields(s.args) {
		switch arg {
		case "SLEEPING", "DONE":
			arg = p.unit(t, node, arg)
		}
		args = append(args, strings.NewReplacer(
			"NODE", node, "OTHER", other, "FILE", filepath.Join(p.dir, "file"),
			"ABSENT", filepath.Join(p.dir, "absent"), "CONFIG", filepath.Join(p.dir, "config.yaml")).Replace(arg))
	}
	cmd := exec.Command(program, args...)
	cmd.Env = append(os.Environ(), "RECEPTORCTL_SOCKET="+socket, "PYTHONWARNINGS=ignore")
	cmd.Dir = p.dir
	cmd.Stdin = strings.NewReader(s.stdin)
	var stdout, stderr strings.Builder
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	for _, n := range []string{node, other} {
		if out, err := p.ctl(n, "work", "release", "--all").CombinedOutput(); err != nil {
			t.Errorf("release the units of %s: %v\n%s", n, err, out)
		}
	}
	return outcome{cmd.ProcessState.ExitCode(), p.normalize(stdout.String(), node, other), stderr.String()}
}

func (p *pair) ctl(node string, args ...string) *exec.Cmd {
	cmd := exec.Command(p.ours, args...)
	cmd.Env = append(os.Environ(), "RECEPTORCTL_SOCKET="+filepath.Join(p.dir, node+".sock"))
	return cmd
}

// unit makes a unit that goes on for long, or one that has ended.
func (p *pair) unit(t *testing.T, node, kind string) string {
	t.Helper()
	workType := "sleep"
	if kind == "DONE" {
		workType = "cat"
	}
	out, err := p.ctl(node, "work", "submit", workType, "-l", "hello").Output()
	if err != nil {
		t.Fatal(err)
	}
	_, id, _ := strings.Cut(strings.TrimSpace(string(out)), "Unit ID: ")
	if kind == "DONE" {
		if err := p.ctl(node, "work", "results", id).Run(); err != nil {
			t.Fatal(err)
		}
	}
	return id
}

// What is another thing each time.
var changing = []struct {
	pattern *regexp.Regexp
	with    string
}{
	{regexp.MustCompile(`Unit ID: \w+`), "Unit ID: X1"},
	{regexp.MustCompile(`\(\w{8}, `), "(UNIT, "},
	{regexp.MustCompile(` in [0-9.]+(ns|µs|ms|s)\n`), " in TIME\n"},
	{regexp.MustCompile(`"Time": "[^"]*"`), `"Time": TIME`},
	{regexp.MustCompile(`\d{4}-\d\d-\d\d \d\d:\d\d:\d\d`), "TIME"},
	{regexp.MustCompile(`(?m)^(receptorctl  |receptor     ).*$`), "${1}VERSION"},
	// Certificates, for which this program asks.
	{regexp.MustCompile(`(?s)\nCertificate .*?\n(tls-.*\n)+`), ""},
	{regexp.MustCompile(`(?s)\n    "Certificates": \[.*?\n    \],`), ""},
	{regexp.MustCompile(`\n    "Certificates": \[\],`), ""},
}

func (p *pair) normalize(s, node, other string) string {
	for _, c := range changing {
		s = c.pattern.ReplaceAllString(s, c.with)
	}
	return strings.NewReplacer(filepath.Join(p.dir, "file"), "FILE", node, "NODE", other, "OTHER").Replace(s)
}
