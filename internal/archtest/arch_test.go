package archtest

import (
	"os"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const (
	quic    = "github.com/quic-go/quic-go"
	pflag   = "github.com/spf13/pflag"
	yaml    = "gopkg.in/yaml.v3"
	unix    = "golang.org/x/sys/unix"
	shlex   = "github.com/google/shlex"
	highway = "github.com/minio/highwayhash"
	gorilla = "github.com/gorilla/websocket"
	jwt     = "github.com/golang-jwt/jwt/v5"
	pion    = "github.com/pion/transport/v3"
)

// rules is the table of the architecture: imports point downwards, cmd ->
// daemon -> control, work -> mesh -> transport; sim may import all of them, and
// none imports sim.
var rules = map[string]rule{
	"transport":               {waits: []string{"link.go", "linkset.go", "dialer.go"}, clock: []string{"transport.go"}},
	"transport/tcp":           {imports: []string{"transport"}, waits: []string{"tcp.go"}, clock: []string{"tcp.go"}},
	"transport/udp":           {imports: []string{"transport", pion}, waits: []string{"listener.go", "udp.go"}, clock: []string{"listener.go"}},
	"transport/ws":            {imports: []string{"transport", gorilla}, waits: []string{"listener.go"}, clock: []string{"conn.go"}},
	"transport/transporttest": {imports: []string{"transport"}, waits: []string{"conformance.go"}, tests: true},
	"mesh/wire":               {imports: []string{highway}, pure: true},
	"mesh/linkstate":          {imports: []string{"mesh/wire"}, pure: true},
	"mesh/firewall":           {imports: []string{"mesh/wire"}, pure: true},
	"mesh": {
		imports: []string{"mesh/wire", "mesh/linkstate", "mesh/firewall", "transport", quic, quic + "/qlogwriter"},
		waits:   []string{"qlog.go", "packetconn.go", "listener.go", "carrier.go", "shared.go", "closing.go", "ping.go"},
		secrets: []string{"stream.go", "insecuretls.go"},
	},
	"control": {
		imports: []string{"mesh", "mesh/wire", "transport"},
		waits:   []string{"server.go", "bridge.go"},
	},
	"work": {
		imports: []string{"control", "mesh/wire", "transport", "work/journal", "work/vfs", shlex},
		waits:   []string{"exchange.go", "push.go", "pull.go", "control.go", "unit.go", "results.go"},
	},
	"work/journal":         {imports: []string{"work/vfs"}},
	"work/vfs":             {},
	"internal/version":     {},
	"internal/suggest":     {},
	"internal/completion":  {imports: []string{pflag}},
	"internal/config":      {imports: []string{"internal/completion", "internal/suggest", "mesh/firewall", yaml, shlex}},
	"internal/pki":         {imports: []string{"internal/config"}, secrets: []string{"issue.go"}},
	"internal/pki/pkitest": {tests: true},
	"internal/signing":     {imports: []string{"internal/config", "internal/pki", jwt}},
	"internal/iprouter":    {imports: []string{"mesh", "transport"}, waits: []string{"router.go"}},
	"internal/proxy":       {imports: []string{"transport"}, waits: []string{"proxy.go", "join.go", "streams.go", "datagrams.go"}},
	"internal/host": {
		imports: []string{"control", "internal/daemon", "internal/iprouter", "internal/supervision", "internal/version", "transport/...", "work", "work/vfs", unix, pion + "/stdnet"},
		waits:   []string{anyFile}, clock: []string{anyFile}, secrets: []string{"daemon.go"},
	},
	"internal/daemon": {
		imports: []string{"control", "work", "work/vfs", "mesh", "mesh/wire", "transport", "internal/config", "internal/pki", "internal/proxy", "internal/signing", "internal/iprouter"},
		waits:   []string{"reach.go", "daemon.go", "control.go", "services.go", "reload.go", "logqueue.go"},
	},
	"internal/archtest":    {},
	"internal/escalation":  {},
	"internal/propseed":    {},
	"internal/supervision": {imports: []string{"internal/escalation", "work", "work/vfs"}, waits: []string{"supervisor.go"}, clock: []string{"supervisor.go"}},
	"sim":                  {imports: []string{"sim/...", "mesh/...", "transport", highway}},
	"sim/campaign":         {imports: []string{"sim/..."}, waits: []string{"campaign.go"}},
	"sim/eventlog":         {},
	"sim/skew":             {imports: []string{"sim/scenario"}, pure: true},
	"sim/lane":             {imports: []string{"sim/scenario", "sim/seed"}, pure: true},
	"sim/fault":            {imports: []string{"sim/check", "sim/scenario"}, pure: true},
	"sim/forge":            {imports: []string{"mesh/wire"}},
	"sim/belief":           {imports: []string{"mesh", "sim/check"}},
	"sim/truth":            {imports: []string{"sim/check", "sim/lane", "sim/scenario"}, pure: true},
	"sim/disk":             {imports: []string{"work/vfs"}},
	"sim/full":             {imports: []string{"sim/check", "sim/eventlog", "sim/scenario", "sim/seed", "sim/skew", "work", "github.com/tetratelabs/wazero/...", unix}},
	"sim/full/fulltest":    {tests: true, imports: []string{"sim/guest"}},
	"sim/guest": {
		imports: []string{"control", "internal/config", "internal/daemon", "internal/iprouter", "internal/pki", "internal/supervision", "mesh", "mesh/firewall", "mesh/wire", "sim/belief", "sim/check", "sim/deployed", "sim/deployed/receptor1", "sim/disk", "sim/eventlog", "sim/fault", "sim/forge", "sim/lane", "sim/scenario", "sim/seed", "sim/skew", "sim/truth", "transport", "transport/tcp", "transport/udp", "work", "work/vfs", pion},
		waits:   []string{anyFile}, clock: []string{anyFile},
	},
	"sim/guest/wasm": {imports: []string{"sim/guest"}},
	"sim/check":      {imports: []string{"mesh/...", "sim/scenario", "transport", highway}},
	"sim/probe":      {imports: []string{"mesh/...", "transport"}},
	"sim/graphfile":  {imports: []string{"mesh/wire", "sim/scenario"}},
	"sim/deployed":   {imports: []string{"mesh", "mesh/wire", "transport"}},
	"sim/deployed/receptor1": {
		imports: []string{"mesh", "mesh/wire", "sim/deployed", "transport", "work", "work/vfs", quic},
		waits:   []string{anyFile}, secrets: []string{"certificate.go"},
	},
	"sim/stats":      {imports: []string{"mesh", "mesh/wire", "sim/check", "sim/scenario"}},
	"sim/stats/page": {imports: []string{"sim", "sim/check", "sim/scenario", "sim/stats"}},
	"sim/scenario":   {imports: []string{"internal/suggest", "mesh/firewall", "mesh/wire", "sim/seed", yaml}},
	"sim/seed":       {imports: []string{highway}},
	"sim/shrink":     {imports: []string{"mesh/wire", "sim/scenario"}},
	"cmd/receptor": {
		imports: []string{"internal/...", "transport"}, waits: []string{"serve.go"},
	},
	"cmd/receptorctl": {imports: []string{"control", "internal/completion", "internal/config", "internal/pki", "internal/version", pflag, "golang.org/x/term"}, waits: []string{anyFile}, clock: []string{anyFile}},
	"bench/soak":      {imports: []string{"control", pflag}, waits: []string{anyFile}, clock: []string{anyFile}},
	"bench/mesh":      {imports: []string{"control", pflag, quic}, waits: []string{anyFile}, clock: []string{anyFile}, secrets: []string{"quic.go"}},
	"cmd/meshsim":     {imports: []string{"sim/...", "internal/completion", "internal/version", pflag, "golang.org/x/term"}, clock: []string{"main.go"}},
}

func TestArchitecture(t *testing.T) {
	problems, err := Check("../..", rules)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Error(p)
	}
}

// The page has every package, by its path or, below the line of its parent, by its
// name; those of cmd/ are all the same.
func TestPageHasEveryPackage(t *testing.T) {
	page, err := os.ReadFile("../../ARCHITECTURE.md")
	if err != nil {
		t.Fatal(err)
	}
	_, tree, _ := strings.Cut(string(page), "```\n")
	tree, _, _ = strings.Cut(tree, "\n```")
	for name := range rules {
		base := regexp.QuoteMeta(path.Base(name))
		if !strings.HasPrefix(name, "cmd/") && !regexp.MustCompile(`\b`+base+`/|/`+base+`\b`).MatchString(tree) {
			t.Errorf("ARCHITECTURE.md does not say what %s is", name)
		}
	}
}

// The rules find what they are there to find.
func TestRulesFindProblems(t *testing.T) {
	tests := []struct{ name, src, want string }{
		{"upwards", `import _ "receptor/work"`, "imports receptor/work: the architecture does not have this import"},
		{"third party", `import _ "github.com/some/thing"`, "imports github.com/some/thing: the architecture"},
		{"cgo", `import "C"`, "no cgo"},
		{"old rand", `import "math/rand"`, "use math/rand/v2"},
		{"crypto/rand", `import "crypto/rand"`, "randomness comes in"},
		{"goroutine", `func f() { go f() }`, ":3: go statement"},
		{"goroutine of a group", "import \"sync\"\nfunc f(g *sync.WaitGroup) { g.Go(func() {}) }", ":4: call of Go"},
		{"select", `func f() { select {} }`, ":3: select"},
		{"clock", "import \"time\"\nvar now = time.Now()", ":4: time.Now"},
		{"renamed clock", "import t \"time\"\nvar d = t.Since(t.Time{})", "time.Since"},
		{"global random", "import \"math/rand/v2\"\nvar n = rand.IntN(3)", "rand.IntN"},
		{"tests in what ships", `import "testing"`, "only tests"},
		{"I/O in a pure package", `import "os"`, "the package is pure"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			problems, _, err := rule{pure: true}.check("p/file.go", []byte("package p\n\n"+test.src+"\n"))
			if err != nil {
				t.Fatal(err)
			}
			if !slices.ContainsFunc(problems, func(p string) bool { return strings.Contains(p, test.want) }) {
				t.Errorf("problems %q, want one with %q", problems, test.want)
			}
		})
	}
}

// And let pass what is right.
func TestRulesAllow(t *testing.T) {
	src := `// Package p is fine.
package p

import (
	"math/rand/v2"
	"time"

	"receptor/mesh/wire"
)

func f(r *rand.Rand, now time.Time, h wire.Header) time.Time {
	go f(rand.New(rand.NewPCG(1, 2)), now, h)
	return now.Add(time.Duration(r.IntN(3)))
}
`
	r := rule{imports: []string{"mesh/..."}, waits: []string{"file.go"}}
	problems, commented, err := r.check("p/file.go", []byte(src))
	if err != nil || len(problems) != 0 || !commented {
		t.Errorf("problems %q (%v), package comment %v, want none and true", problems, err, commented)
	}
}
