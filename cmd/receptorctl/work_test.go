package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"testing"

	"receptor/control"
)

const twoUnits = `{"Y2":{"State":2,"StateName":"Succeeded"},"X1":{"State":1,"Pid":"<7>"}}`

func TestWorkList(t *testing.T) {
	n := newFakeNode(t, map[string]any{"work list": twoUnits})
	n.ctl("work", "list").want(t, 0, `{
    "X1": {
        "Pid": "<7>",
        "State": 1
    },
    "Y2": {
        "State": 2,
        "StateName": "Succeeded"
    }
}
`, "")
	n.ctl("work", "list", "--quiet").want(t, 0, "X1\nY2\n", "")
	n.ctl("work", "list", "-q", "--unit_id", "X1").want(t, 0, "X1\nY2\n", "")
	n.wantRequests(`work {"subcommand":"list"}`, `work {"subcommand":"list"}`, `work {"subcommand":"list","unitid":"X1"}`)
}

func TestWorkListErrors(t *testing.T) {
	n := newFakeNode(t, map[string]any{"work list": errors.New("unknown work unit Z")})
	n.ctl("work", "list", "--unit_id", "Z").want(t, 1, "", "ERROR: unknown work unit Z\n")
	n = newFakeNode(t, map[string]any{"work list": `["X1"]`})
	n.ctl("work", "list", "-q").want(t, 1, "", "the node's answer to work list")
}

// Another node is asked through a stream to its own control service.
func TestWorkListOfAnotherNode(t *testing.T) {
	n := newFakeNode(t, map[string]any{"connect": control.Handler(func(_ context.Context, req *control.Request, s control.Session) (any, error) {
		switch req.Fields["node"] {
		case "b":
			io.WriteString(s, "Connecting\nReceptor Control, node b\n{\"FarUnit\":{}}\n")
		case "odd":
			io.WriteString(s, "Connecting\nwhat?\n")
		default:
			return nil, errors.New("no route to node")
		}
		return nil, nil
	})})
	n.ctl("work", "list", "-q", "--node", "b", "--tls-client", "t").want(t, 0, "FarUnit\n", "")
	n.ctl("work", "list", "-q", "--node", "odd").want(t, 1, "", "ERROR: node odd: not a control service")
	n.ctl("work", "list", "-q", "--node", "zz").want(t, 1, "", "ERROR: no route to node\n")
	n.wantRequests(`connect {"node":"b","service":"control","tls":"t"}`, `connect {"node":"odd","service":"control","tls":""}`,
		`connect {"node":"zz","service":"control","tls":""}`)
}

func TestWorkStatus(t *testing.T) {
	n := newFakeNode(t, map[string]any{"work status": `{"StateName":"Succeeded","State":2}`})
	n.ctl("work", "status", "X1").want(t, 0, "{\n    \"State\": 2,\n    \"StateName\": \"Succeeded\"\n}\n", "")
	n.wantRequests(`work {"subcommand":"status","unitid":"X1"}`)
	n = newFakeNode(t, map[string]any{"work status": errors.New("unknown work unit Z")})
	n.ctl("work", "status", "Z").want(t, 1, "", "ERROR: unknown work unit Z\n")
}

// disposer cancels and releases all units but Z.
func disposer(done string) control.Handler {
	return func(_ context.Context, req *control.Request, _ control.Session) (any, error) {
		unit := req.Fields["unitid"].(string)
		if unit == "Z" {
			return nil, fmt.Errorf("unknown work unit %s", unit)
		}
		return map[string]string{done: unit}, nil
	}
}

func TestWorkCancel(t *testing.T) {
	n := newFakeNode(t, map[string]any{"work cancel": disposer("cancelled")})
	n.ctl("work", "cancel", "X1", "Y2").want(t, 0, "Cancelled:\n(X1, cancelled)\n(Y2, cancelled)\n", "")
	n.ctl("work", "cancel", "Z", "Y2").want(t, 1, "Cancelled:\n(Y2, cancelled)\n", "ERROR: Z: unknown work unit Z\n")
	n.ctl("work", "cancel").want(t, 0, "", "Warning: no unit IDs given")
	n.wantRequests(`work {"subcommand":"cancel","unitid":"X1"}`, `work {"subcommand":"cancel","unitid":"Y2"}`,
		`work {"subcommand":"cancel","unitid":"Z"}`, `work {"subcommand":"cancel","unitid":"Y2"}`)

	newFakeNode(t, map[string]any{"work cancel": `{}`}).ctl("work", "cancel", "X1").want(t, 1, "", "the node's answer to work cancel is empty")
}

func TestWorkRelease(t *testing.T) {
	n := newFakeNode(t, map[string]any{
		"work list": twoUnits, "work release": disposer("release pending"), "work force-release": disposer("released"),
	})
	n.ctl("work", "release", "X1").want(t, 0, "Released:\n(X1, release pending)\n", "")
	n.ctl("work", "release", "X1", "--force").want(t, 0, "Released:\n(X1, released)\n", "")
	n.ctl("work", "release", "Z").want(t, 1, "", "ERROR: Z: unknown work unit Z\n")
	n.ctl("work", "release").want(t, 0, "", "Warning: no unit IDs given")
	newFakeNode(t, map[string]any{"work list": "{}"}).ctl("work", "release", "--all").want(t, 0, "Released:\n", "")
	n.ctl("work", "release", "--all").want(t, 0, "Released:\n(X1, release pending)\n(Y2, release pending)\n", "")
	n.wantRequests(`work {"subcommand":"release","unitid":"X1"}`, `work {"subcommand":"force-release","unitid":"X1"}`,
		`work {"subcommand":"release","unitid":"Z"}`, `work {"subcommand":"list"}`,
		`work {"subcommand":"release","unitid":"X1"}`, `work {"subcommand":"release","unitid":"Y2"}`)
}
