package work

import (
	"fmt"
	"strings"
	"testing"
)

// What deployed nodes have left on disk is taken over.
func TestRemoteUnitsOfDeployedNodes(t *testing.T) {
	extra := func(node, id string, started bool, more string) string {
		return fmt.Sprintf(`{"RemoteNode":%q,"RemoteWorkType":"cat","RemoteParams":{"params":"x"},"RemoteUnitID":%q,"RemoteStarted":%v,`+
			`"LocalCancelled":false,"LocalReleased":false,"SignWork":false,"TLSClient":"","Expiration":"0001-01-01T00:00:00Z"%s}`, node, id, started, more)
	}
	file := func(state State, detail string, size int, extra string) string {
		return fmt.Sprintf(`{"State":%d,"Detail":%q,"StdoutSize":%d,"WorkType":"remote","ExtraData":%s}`, state, detail, size, extra)
	}
	c := newCluster(t)
	a := c.node("a")
	accept := c.played("b")
	a.stop()
	a.fs.Put("/data/a/finished/status", file(Succeeded, "exit status 0", 7, extra("b", "remote01", true, "")))
	a.fs.Put("/data/a/finished/stdout", "remote\n")
	a.fs.Put("/data/a/running0/status", file(Running, "Running: PID 7", 6, extra("b", "remote02", true, "")))
	a.fs.Put("/data/a/running0/stdout", "begin\n")
	// The other node had said that it was complete before the rest was here.
	a.fs.Put("/data/a/partial0/status", file(Succeeded, "exit status 0", 10, extra("b", "remote03", true, "")))
	a.fs.Put("/data/a/partial0/stdout", "begin\n")
	// It had not come to an output, so it has no such file.
	a.fs.Put("/data/a/awaited0/status", file(Pending, "Starting Worker", 0, extra("c", "", false, "")))
	a.fs.Put("/data/a/awaited0/stdin", "input")
	a.fs.Put("/data/a/created0/status", file(Pending, "Unit Created", 0, extra("c", "", false, "")))
	a.start()

	a.wantStatus("created0", Failed, "Pending at restart") // its client had not sent its input
	a.wantStatus("finished", Succeeded, "exit status 0")
	a.wantEnd(a.results("finished", 0), "remote\n")
	a.await("awaited0", Pending, "Node c cannot be reached: no route to node c (since 2026-11-24 00:45:00Z)")
	live := a.results("running0", 0)
	rest := a.results("partial0", 0)
	for range 4 {
		s := accept().greet()
		line, err := s.in.ReadString('\n')
		_, unit, _ := strings.Cut(line, `"unitid":`)
		switch {
		case err != nil || unit != "\"remote02\"}\n" && unit != "\"remote03\"}\n":
			t.Fatalf("unexpected command %s, %v", line, err)
		case strings.Contains(line, `"startpos":6,"subcommand":"results"`):
			s.send("Streaming results for work unit %s\nend\n", unit[1:9])
			s.conn.CloseWrite()
		case strings.Contains(line, `"subcommand":"status"`):
			s.send(`{"State":2,"StateName":"Succeeded","Detail":"exit status 0","StdoutSize":10,"WorkType":"cat","ExtraData":null}` + "\n")
		default:
			t.Fatalf("unexpected command %s", line)
		}
	}
	a.wantEnd(live, "begin\nend\n")
	a.await("running0", Succeeded, "exit status 0")
	a.wantEnd(rest, "begin\nend\n")
	a.await("partial0", Succeeded, "exit status 0")
}
