package control

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"receptor/mesh"
	"receptor/mesh/wire"
	"receptor/transport"
)

// fakeMesh is node foo in a line of nodes foo - n1 - n2 - … - n40, where every
// hop takes a millisecond.
type fakeMesh struct {
	status mesh.Status
	// pingErr is what every ping fails with; nil lets them work.
	pingErr error
	// dialled gets the far end of each stream.
	dialled chan duplexConn
	// closed gets the near end of each stream once it has been closed.
	closed chan duplexConn
	cfg    *tls.Config
}

// watchedConn is the near end of a stream.
type watchedConn struct {
	*memConn
	closed chan duplexConn
}

func (c *watchedConn) Close() error {
	select {
	case c.closed <- c:
	default:
	}
	return c.memConn.Close()
}

func (m *fakeMesh) ID() string          { return "foo" }
func (m *fakeMesh) Status() mesh.Status { return m.status }

func (m *fakeMesh) Ping(ctx context.Context, target string, hops byte) (mesh.PingReply, error) {
	var distance int
	switch _, err := fmt.Sscanf(target, "n%d", &distance); {
	case m.pingErr != nil:
		return mesh.PingReply{}, m.pingErr
	case target == "foo":
	case target == "silent":
		<-ctx.Done()
		return mesh.PingReply{}, ctx.Err()
	case err != nil:
		return mesh.PingReply{}, mesh.ErrNoRoute
	}
	if distance > int(hops) {
		by := "foo"
		if hops > 0 {
			by = fmt.Sprintf("n%d", hops)
		}
		time.Sleep(time.Duration(hops) * time.Millisecond)
		return mesh.PingReply{From: by}, &mesh.UnreachableError{Problem: wire.ProblemExpired, ReportedBy: by}
	}
	rtt := time.Duration(distance) * time.Millisecond
	time.Sleep(rtt)
	return mesh.PingReply{From: target, RTT: rtt}, nil
}

func (m *fakeMesh) Dial(_ context.Context, node, service string, cfg *tls.Config) (duplex, error) {
	if service == "gone" {
		return nil, errors.New("service unknown")
	}
	m.cfg = cfg
	ours, theirs := memPair()
	m.dialled <- theirs
	return &watchedConn{ours, m.closed}, nil
}

func newMeshNode(t *testing.T, m *fakeMesh) *node {
	n := newBubbleNode(t, Options{})
	m.dialled = make(chan duplexConn, 1)
	m.closed = make(chan duplexConn, 1)
	register(n, m, MeshOptions{
		Info:  NodeInfo{Version: "1.2.3", SystemCPUCount: 4, SystemMemoryMiB: 5},
		Clock: transport.System,
		TLSClient: func(name, node string) (*tls.Config, error) {
			if name != "good" {
				return nil, fmt.Errorf("unknown TLS config %s", name)
			}
			return &tls.Config{ServerName: node}, nil
		},
	})
	return n
}

// Certificates are in the status for those who ask for them; old clients would
// show what they do not know.
func TestStatusOfCertificates(t *testing.T) {
	answer := func(certs []Certificate, fields map[string]any) map[string]any {
		c := &meshCommands{node: &fakeMesh{}, opts: MeshOptions{Certificates: func() []Certificate { return certs }}}
		answer, err := c.status(t.Context(), &Request{Fields: fields}, nil)
		if err != nil {
			t.Fatal(err)
		}
		return answer.(map[string]any)
	}
	day := time.Date(2030, 1, 31, 0, 0, 0, 0, time.UTC)
	certs := []Certificate{{"tls-server", "in", "/in.crt", []string{"foo"}, day, day.AddDate(1, 0, 0), "valid"}}
	if got, ok := answer(certs, nil)["Certificates"]; ok {
		t.Errorf("nobody asked, and status has %v", got)
	}
	got, err := json.Marshal(answer(certs, map[string]any{"requested_fields": []any{"Certificates"}})["Certificates"])
	want := `[{"Item":"tls-server","Name":"in","File":"/in.crt","NodeIDs":["foo"],"NotBefore":"2030-01-31T00:00:00Z","NotAfter":"2031-01-31T00:00:00Z","State":"valid"}]`
	if err != nil || string(got) != want {
		t.Errorf("certificates are %s (%v), want %s", got, err, want)
	}
}

func TestMeshCommands(t *testing.T) {
	const nothing = `{"Advertisements":[],"Connections":[],"KnownConnectionCosts":{},"NodeID":"foo","RoutingTable":{},` +
		`"SystemCPUCount":4,"SystemMemoryMiB":5,"Version":"1.2.3"}` + "\n"
	for _, tt := range []struct{ name, send, want string }{
		{"status", "status\n", nothing},
		{"status in JSON", `{"command":"status"}`, nothing},
		{"status with words", "status now\n", "ERROR: status command does not take parameters\n"},
		{"some fields", `{"command":"status","requested_fields":["Version","Later","NodeID"]}`, `{"NodeID":"foo","Version":"1.2.3"}` + "\n"},
		{"no fields", `{"command":"status","requested_fields":[]}`, "{}\n"},
		{"fields no list", `{"command":"status","requested_fields":"Version"}`, "ERROR: requested_fields must be a list of field names\n"},
		{"field no string", `{"command":"status","requested_fields":[1]}`, "ERROR: requested_fields must be a list of field names\n"},

		{"ping", "ping n2\n", `{"From":"n2","Success":true,"Time":2000000,"TimeStr":"2ms"}` + "\n"},
		{"ping in JSON", `{"command":"ping","target":"n1"}`, `{"From":"n1","Success":true,"Time":1000000,"TimeStr":"1ms"}` + "\n"},
		{"ping the farthest", "ping n30\n", `{"From":"n30","Success":true,"Time":30000000,"TimeStr":"30ms"}` + "\n"},
		{"ping too far", "ping n31\n", `{"Error":"message expired","Success":false}` + "\n"},
		{"ping nobody", "ping zz\n", `{"Error":"` + mesh.ErrNoRoute.Error() + `","Success":false}` + "\n"},
		{"ping the silent", "ping silent\n", `{"Error":"timeout: no answer from silent within 10s","Success":false}` + "\n"},
		{"ping without target", "ping\nping \n" + `{"command":"ping"}`, strings.Repeat("ERROR: no ping target\n", 3)},
		{"ping a number", `{"command":"ping","target":5}`, "ERROR: ping target must be string\n"},

		{"traceroute to itself", "traceroute foo\n", `{"0":{"From":"foo","Time":0,"TimeStr":"0s"}}` + "\n"},
		{
			"traceroute", "traceroute n2\n",
			`{"0":{"From":"foo","Time":0,"TimeStr":"0s"},"1":{"From":"n1","Time":1000000,"TimeStr":"1ms"},"2":{"From":"n2","Time":2000000,"TimeStr":"2ms"}}` + "\n",
		},
		{"traceroute to nobody", "traceroute zz\n", `{"0":{"Error":"` + mesh.ErrNoRoute.Error() + `","From":"foo","Time":0,"TimeStr":"0s"}}` + "\n"},
		{
			"traceroute to the silent", `{"command":"traceroute","target":"silent"}`,
			`{"0":{"Error":"timeout: no answer from silent within 10s","From":"foo","Time":10000000000,"TimeStr":"10s"}}` + "\n",
		},
		{"traceroute without target", "traceroute\n", "ERROR: no traceroute target\n"},

		{"connect without target", "connect\nconnect n1\nconnect  s", strings.Repeat("ERROR: no connect target\n", 3)},
		{"connect without node", `{"command":"connect","service":"s"}`, "ERROR: no connect target node\n"},
		{"connect without service", `{"command":"connect","node":"n1"}`, "ERROR: no connect target service\n"},
		{"connect with too much", "connect n1 a b c\n", "ERROR: too many parameters\n"},
		{"connect to a number", `{"command":"connect","node":"n1","service":1}`, "ERROR: connect target service must be string\n"},
		{"connect by a number", `{"command":"connect","node":"n1","service":"s","tls":1}`, "ERROR: connect tls name must be string\n"},
		{"connect with unknown TLS", "connect n1 control nope\n", "ERROR: unknown TLS config nope\n"},
		{"connect to no service", "connect n1 gone\nstatus\n", "ERROR: connect to service gone of node n1: service unknown\n" + nothing},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := newMeshNode(t, &fakeMesh{status: mesh.Status{
					NodeID: "foo", RoutingTable: map[string]string{}, KnownConnectionCosts: map[string]map[string]float64{},
				}})
				if got := n.talk(tt.send); got != tt.want {
					t.Errorf("got  %s\nwant %s", got, tt.want)
				}
			})
		})
	}
}

func TestStatusOfAMesh(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newMeshNode(t, &fakeMesh{status: mesh.Status{
			NodeID:       "foo",
			Connections:  []mesh.Connection{{NodeID: "n1", Cost: 1}, {NodeID: "n9", Cost: 2.5}},
			RoutingTable: map[string]string{"n1": "n1", "n2": "n1"},
			Advertisements: []wire.ServiceAdvertisement{
				{NodeID: "foo", Service: "control", Time: time.Date(2026, 11, 24, 0, 45, 0, 5, time.UTC), ConnType: wire.ConnStream, Tags: map[string]string{"type": "x"}},
			},
			KnownConnectionCosts: map[string]map[string]float64{"foo": {"n1": 1}},
		}})
		want := `{"Advertisements":[{"NodeID":"foo","Service":"control","Time":"2026-11-24T00:45:00.000000005Z","ConnType":1,"Tags":{"type":"x"},"WorkCommands":null,"Cancel":false}],` +
			`"Connections":[{"NodeID":"n1","Cost":1},{"NodeID":"n9","Cost":2.5}],"KnownConnectionCosts":{"foo":{"n1":1}},"NodeID":"foo",` +
			`"RoutingTable":{"n1":"n1","n2":"n1"},"SystemCPUCount":4,"SystemMemoryMiB":5,"Version":"1.2.3"}` + "\n"
		if got := n.talk("status\n"); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	})
}

// A target that is out of reach ends the traceroute at the hop limit, and the
// last line says that it did not get there.
func TestTracerouteEndsAtTheHopLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		got := newMeshNode(t, &fakeMesh{}).talk("traceroute n31\n")
		if n := strings.Count(got, `"From"`); n != mesh.MaxHops+1 {
			t.Errorf("%d hops", n)
		}
		if n := strings.Count(got, `"Error"`); n != 1 || !strings.Contains(got, `"30":{"Error":"message expired","From":"n30"`) {
			t.Errorf("got %s", got)
		}
	})
}

// connected returns the client's end and the service's end of a bridged stream.
func connected(t *testing.T, m *fakeMesh, command string) (client *Client, conn, service duplexConn) {
	t.Helper()
	n := newMeshNode(t, m)
	conn = n.dial()
	client, _, err := NewClient(conn)
	if err != nil {
		t.Fatal(err)
	}
	if err := client.send([]byte(command)); err != nil {
		t.Fatal(err)
	}
	if line, err := client.resultLine(); err != nil || line != "Connecting" {
		t.Fatalf("got %q, %v", line, err)
	}
	service = <-m.dialled
	t.Cleanup(func() { service.Close() })
	return client, conn, service
}

func TestConnectPassesOnHalfCloses(t *testing.T) {
	for _, command := range []string{"connect n1 svc ", `{"command":"connect","node":"n1","service":"svc"}`} {
		synctest.Test(t, func(t *testing.T) {
			m := &fakeMesh{}
			client, conn, service := connected(t, m, command)
			go func() {
				io.WriteString(conn, "question")
				conn.CloseWrite()
			}()
			if got, err := io.ReadAll(service); err != nil || string(got) != "question" {
				t.Errorf("the service read %q, %v", got, err)
			}
			go func() {
				io.WriteString(service, "answer")
				service.CloseWrite()
			}()
			if got, err := io.ReadAll(client.in); err != nil || string(got) != "answer" {
				t.Errorf("the client read %q, %v", got, err)
			}
			<-m.closed
		})
	}
}

func TestConnectClientIsGoneBeforeItIsConnected(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &fakeMesh{}
		n := newMeshNode(t, m)
		conn := n.dial().(*memConn)
		client, _, err := NewClient(conn)
		if err != nil {
			t.Fatal(err)
		}
		conn.PipeReader.Close()
		if err := client.send([]byte("connect n1 svc")); err != nil {
			t.Fatal(err)
		}
		<-m.closed
	})
}

func TestConnectServiceEndsFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, conn, service := connected(t, &fakeMesh{}, "connect n1 svc")
		service.CloseWrite()
		if got, err := io.ReadAll(client.in); err != nil || len(got) > 0 {
			t.Errorf("the client read %q, %v", got, err)
		}
		go func() {
			io.WriteString(conn, "late")
			conn.CloseWrite()
		}()
		if got, err := io.ReadAll(service); err != nil || string(got) != "late" {
			t.Errorf("the service read %q, %v", got, err)
		}
	})
}

func TestConnectEndsWithItsSides(t *testing.T) {
	for _, tt := range []struct {
		name string
		cut  func(client, service *memConn)
	}{
		{"client", func(client, _ *memConn) { client.PipeWriter.CloseWithError(errors.New("reset")) }},
		{"service", func(_, service *memConn) { service.PipeWriter.CloseWithError(errors.New("reset")) }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				_, conn, service := connected(t, &fakeMesh{}, "connect n1 svc")
				tt.cut(conn.(*memConn), service.(*memConn))
				synctest.Wait()
				for name, end := range map[string]net.Conn{"client": conn, "service": service} {
					if _, err := io.WriteString(end, "x"); err == nil {
						t.Errorf("the end of the %s still takes data", name)
					}
				}
			})
		})
	}
}

// The service has closed its reading side but not said everything: the client
// must get the rest.
func TestConnectServiceThatReadsNoMore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, conn, service := connected(t, &fakeMesh{}, "connect n1 svc")
		service.(*memConn).PipeReader.CloseWithError(errors.New("reads no more"))
		go io.WriteString(conn, "unwanted")
		synctest.Wait()
		go func() {
			io.WriteString(service, "answer")
			service.CloseWrite()
		}()
		if got, err := io.ReadAll(client.in); err != nil || string(got) != "answer" {
			t.Errorf("the client read %q, %v", got, err)
		}
	})
}

// A client that has said all it wanted waits for a node that is silent: the
// server ends all the same.
func TestServerEndsWhileConnectWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &fakeMesh{}
		n := newMeshNode(t, m)
		conn := n.dial()
		client, _, err := NewClient(conn)
		if err != nil {
			t.Fatal(err)
		}
		if err := client.send([]byte("connect n1 svc")); err != nil {
			t.Fatal(err)
		}
		if line, err := client.resultLine(); err != nil || line != "Connecting" {
			t.Fatalf("got %q, %v", line, err)
		}
		service := <-m.dialled
		defer service.Close()
		conn.CloseWrite()
		synctest.Wait()
		n.Close()
		<-m.closed
	})
}

func TestConnectWithTLSName(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &fakeMesh{}
		connected(t, m, "connect n1 svc good")
		if m.cfg == nil || m.cfg.ServerName != "n1" {
			t.Errorf("dialled with %v", m.cfg)
		}
	})
}
