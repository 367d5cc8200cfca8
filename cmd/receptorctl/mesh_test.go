package main

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"receptor/control"
)

func TestPing(t *testing.T) {
	n := newFakeNode(t, map[string]any{"ping": `{"From":"b","Success":true,"Time":1200000,"TimeStr":"1.2ms"}`})
	n.ctl("ping", "b", "--count", "0").want(t, 0, "", "")
	n.ctl("ping", "b", "--count", "2", "--delay=0").want(t, 0, strings.Repeat("Reply from b in 1.2ms\n", 2), "")
	n.wantRequests(`ping {"target":"b"}`, `ping {"target":"b"}`)
}

func TestPingThatFails(t *testing.T) {
	first := true
	var n *fakeNode
	n = newFakeNode(t, map[string]any{"ping": control.Handler(func(context.Context, *control.Request, control.Session) (any, error) {
		if first {
			first = false
			return map[string]any{"Success": false, "Error": "no route\nto node"}, nil
		}
		return map[string]any{"Success": true, "From": "b", "TimeStr": "1ms"}, nil
	})})
	n.ctl("ping", "--delay", "0.001", "--count", "3", "b").want(t, 2, strings.Repeat("Reply from b in 1ms\n", 2), "ERROR: no route\ufffdto node\n")
	n = newFakeNode(t, map[string]any{"ping": `{"Success":false,"Error":"blocked","From":"c","TimeStr":"5ms"}`})
	n.ctl("ping", "--count=1", "b").want(t, 2, "", "ERROR: blocked from c in 5ms\n")
	n = newFakeNode(t, map[string]any{"ping": errors.New("no ping target")})
	n.ctl("ping", "").want(t, 1, "", "ERROR: no ping target\n")
}

func TestPingSendsFourAndPauses(t *testing.T) {
	pings := 0
	ctx, cancel := context.WithCancel(context.Background())
	n := newFakeNode(t, map[string]any{"ping": control.Handler(func(context.Context, *control.Request, control.Session) (any, error) {
		if pings++; pings == 2 {
			cancel()
		}
		return map[string]any{"Success": true, "From": "b", "TimeStr": "1ms"}, nil
	})})
	n.ctl("ping", "--delay=0", "b").want(t, 0, strings.Repeat("Reply from b in 1ms\n", 4), "")
	if pings != 4 {
		t.Errorf("%d pings, want 4", pings)
	}
	pings = 1
	start := time.Now()
	runTool(ctx, nil, nil, "--socket", n.socket, "ping", "--delay=3600", "b").want(t, 130, "", "ERROR: interrupted\n")
	if d := time.Since(start); d > time.Minute {
		t.Errorf("the interrupt took %v", d)
	}
}

func TestTraceroute(t *testing.T) {
	n := newFakeNode(t, map[string]any{"traceroute": `{"0":{"From":"a","Time":1,"TimeStr":"1ns"},"10":{"From":"k","TimeStr":"10ns"},"2":{"From":"c","TimeStr":"2ns"}}`})
	n.ctl("traceroute", "k").want(t, 0, "0: a in 1ns\n2: c in 2ns\n10: k in 10ns\n", "")
	n.wantRequests(`traceroute {"target":"k"}`)

	n = newFakeNode(t, map[string]any{"traceroute": `{"0":{"From":"a","TimeStr":"1ns"},"1":{"Error":"no route to node","From":"a","TimeStr":"2ns"}}`})
	n.ctl("traceroute", "k").want(t, 0, "0: a in 1ns\n", "ERROR: 1: Error no route to node from a in 2ns\n")

	n = newFakeNode(t, map[string]any{"traceroute": `{"x":{}}`})
	n.ctl("traceroute", "k").want(t, 1, "", `"x" should be the number of a hop`)
}

func TestConnect(t *testing.T) {
	n := newFakeNode(t, map[string]any{"connect": control.Handler(func(_ context.Context, req *control.Request, s control.Session) (any, error) {
		if req.Fields["service"] == "gone" {
			return nil, errors.New("service unknown")
		}
		io.WriteString(s, "Connecting\n")
		in, err := io.ReadAll(s)
		io.WriteString(s, "you said: "+string(in))
		return nil, err
	})})
	n.ctlWithInput("hello", "connect", "b", "echo", "--tls-client", "tls1", "--raw").want(t, 0, "you said: hello", "")
	n.ctlWithInput("hello", "connect", "b", "gone").want(t, 1, "", "ERROR: service unknown\n")
	n.wantRequests(`connect {"node":"b","service":"echo","tls":"tls1"}`, `connect {"node":"b","service":"gone","tls":""}`)
}

// The service may end first; nobody waits for more input then.
func TestConnectServiceHangsUp(t *testing.T) {
	n := newFakeNode(t, map[string]any{"connect": control.Handler(func(_ context.Context, _ *control.Request, s control.Session) (any, error) {
		_, err := io.WriteString(s, "Connecting\nbye")
		return nil, err
	})})
	stdin, keepOpen := io.Pipe()
	defer keepOpen.Close()
	runTool(context.Background(), stdin, nil, "--socket", n.socket, "connect", "b", "x").want(t, 0, "bye", "")
}

func TestConnectWithBrokenStdin(t *testing.T) {
	n := newFakeNode(t, map[string]any{"connect": control.Handler(func(_ context.Context, _ *control.Request, s control.Session) (any, error) {
		io.WriteString(s, "Connecting\n")
		_, err := io.Copy(io.Discard, s)
		return nil, err
	})})
	stdin, in := io.Pipe()
	in.CloseWithError(errors.New("terminal is gone"))
	runTool(context.Background(), stdin, nil, "--socket", n.socket, "connect", "b", "x").want(t, 1, "", "terminal is gone")
}

// A service that has ended takes no more: what it said is shown all the same.
func TestConnectServiceTakesNoMore(t *testing.T) {
	n := newFakeNode(t, map[string]any{"connect": control.Handler(func(_ context.Context, _ *control.Request, s control.Session) (any, error) {
		_, err := io.WriteString(s, "Connecting\n"+strings.Repeat("bye", 10000))
		return nil, err
	})})
	runTool(context.Background(), endless{}, nil, "--socket", n.socket, "connect", "b", "x").want(t, 0, strings.Repeat("bye", 10000), "")
}

// endless is a reader that always has more.
type endless struct{}

func (endless) Read(p []byte) (int, error) { return len(p), nil }
