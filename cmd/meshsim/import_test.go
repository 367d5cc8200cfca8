package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const abilene = "../../sim/graphfile/testdata/Abilene.graphml"

func TestImportPrintsAFileThatRuns(t *testing.T) {
	t.Parallel()
	code, text, stderr := meshsim("import", abilene, "--for", "20s")
	if code != exitOK || stderr != "" {
		t.Fatalf("exit code %d: %s", code, stderr)
	}
	want := "# Made by: meshsim import Abilene.graphml --for 20s\n" +
		"# Delays of 14 links follow from the great-circle distance of the ends, at two thirds of the speed of light.\n" +
		"name: Abilene\nseed: 1\nfor: 20s\nnodes: [New York, Chicago, "
	if !strings.HasPrefix(text, want) {
		t.Errorf("the file begins with\n%.400s\nwant\n%s", text, want)
	}
	if code, stdout, stderr := meshsim("run", write(t, text)); code != exitOK || !strings.Contains(stdout, "11 nodes, 14 links") {
		t.Errorf("exit code %d: %s%s", code, stdout, stderr)
	}
}

// Each flag must arrive in the scenario.
func TestImportFlags(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "net.txt")
	if err := os.WriteFile(path, []byte("graph { a -- b -- c; d -- e }"), 0o666); err != nil {
		t.Fatal(err)
	}
	code, text, stderr := meshsim("import", "--format", "dot", path, "--name", "mine", "--backend", "udp", "--default-delay", "4ms", "--largest")
	want := `# Made by: meshsim import net.txt --format dot --name mine --backend udp --default-delay 4ms --largest
# Delays of 3 links are the default, 4ms: the file has no coordinates for one end or both.
# The graph is in 2 parts that no edge joins, of 3, 2 nodes.
# Only the largest is left, with 3 nodes and 2 links.
name: mine
seed: 1
for: 1m0s
nodes: [a, b, c]
links:
  - {from: a, to: b, backend: udp, cost: 1, delay: 4ms}
  - {from: b, to: c, backend: udp, cost: 1, delay: 4ms}
`
	if code != exitOK || text != want {
		t.Errorf("exit code %d, %s, printed\n%s\nwant\n%s", code, stderr, text, want)
	}
}

func TestImportExplainsBadInput(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	bad := filepath.Join(dir, "bad.gml")
	if err := os.WriteFile(bad, []byte("graph [\nnode [ label 1 ]\n]"), 0o666); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		args []string
		want string
	}{
		{nil, "graph file is missing"},
		{[]string{bad}, bad + ":2: a node has no id"},
		{[]string{bad, "--format", "graphml"}, bad + ": there are no nodes"},
		{[]string{bad, "--format", "yaml"}, "--format yaml: graphml, gml, dot are possible"},
		{[]string{filepath.Join(dir, "none.gml")}, "none.gml: no such file"},
		{[]string{dir, "--format", "gml"}, "read graph: "},
		{[]string{"net.json"}, `the extension ".json" does not say which format it has: graphml, gml or dot; say which with --format`},
		{[]string{abilene, "--default-delay", "5"}, "--default-delay: 5 has no unit"},
		{[]string{abilene, "--backend", "ipx"}, "--backend ipx: tcp or udp are possible"},
		{[]string{abilene, "--for", "0s"}, "--for 0s: a run must take longer"},
	} {
		code, stdout, stderr := meshsim(append([]string{"import"}, c.args...)...)
		if code != exitBadInput || !strings.Contains(stderr, c.want) || stdout != "" {
			t.Errorf("%q: exit code %d, stdout %q, stderr %q; want 2 and %q", c.args, code, stdout, stderr, c.want)
		}
	}
}
