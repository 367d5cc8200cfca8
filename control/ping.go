package control

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"receptor/mesh"
	"receptor/mesh/wire"
)

// pingTimeout bounds a ping, and each hop of a traceroute.
const pingTimeout = 10 * time.Second

// pingAnswer is the answer to a ping that came back.
type pingAnswer struct {
	From    string
	Success bool
	Time    time.Duration // JSON: nanoseconds
	TimeStr string
}

// pingFailure is the answer to one that did not.
type pingFailure struct {
	Error   string
	Success bool
}

// hopAnswer is one line of a traceroute.
type hopAnswer struct {
	Error   string `json:",omitempty"`
	From    string
	Time    time.Duration // JSON: nanoseconds
	TimeStr string
}

// ping sends one ping. That it fails is an answer, not an error.
func (c *meshCommands) ping(ctx context.Context, req *Request, _ Session) (any, error) {
	target, err := pingTarget(req)
	if err != nil {
		return nil, err
	}
	reply, err := c.pingOnce(ctx, target, mesh.MaxHops)
	if err != nil {
		return pingFailure{Error: err.Error()}, nil
	}
	return pingAnswer{From: reply.From, Success: true, Time: reply.RTT, TimeStr: reply.RTT.String()}, nil
}

// traceroute pings with 0, 1, 2… hops to live until the target answers or
// something else goes wrong than that the hops do not suffice. The answer is
// an object with a hopAnswer for each number.
func (c *meshCommands) traceroute(ctx context.Context, req *Request, _ Session) (any, error) {
	target, err := pingTarget(req)
	if err != nil {
		return nil, err
	}
	hops := make(map[string]hopAnswer)
	for hop := 0; hop <= mesh.MaxHops; hop++ {
		reply, err := c.pingOnce(ctx, target, byte(hop))
		answer := hopAnswer{From: reply.From, Time: reply.RTT, TimeStr: reply.RTT.String()}
		further := isExpired(err) && hop < mesh.MaxHops
		if err != nil && !further {
			answer.Error = err.Error()
		}
		hops[strconv.Itoa(hop)] = answer
		if !further {
			break
		}
	}
	return hops, nil
}

// pingOnce pings, and after an error still tells who reported it and when: a
// node on the way, or else this one.
func (c *meshCommands) pingOnce(ctx context.Context, target string, hopsToLive byte) (mesh.PingReply, error) {
	ctx, cancel := withTimeout(ctx, c.opts.Clock, pingTimeout)
	defer cancel()
	sent := c.opts.Clock.Now()
	reply, err := c.node.Ping(ctx, target, hopsToLive)
	if err == nil {
		return reply, nil
	}
	reply = mesh.PingReply{From: c.node.ID(), RTT: c.opts.Clock.Now().Sub(sent)}
	if unreachable := (*mesh.UnreachableError)(nil); errors.As(err, &unreachable) {
		reply.From = unreachable.ReportedBy
	} else if ctx.Err() != nil && context.Cause(ctx) == errTimeout {
		err = fmt.Errorf("timeout: no answer from %s within %v", target, pingTimeout)
	}
	return reply, err
}

func isExpired(err error) bool {
	var unreachable *mesh.UnreachableError
	return errors.As(err, &unreachable) && unreachable.Problem == wire.ProblemExpired
}

func pingTarget(req *Request) (string, error) {
	target := strings.Join(req.Args, " ")
	if req.Fields != nil {
		var err error
		if target, _, err = req.stringField("target"); err != nil {
			return "", err
		}
	}
	if target == "" {
		return "", fmt.Errorf("no %s target", req.Command)
	}
	return target, nil
}
