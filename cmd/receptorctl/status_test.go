package main

import (
	"errors"
	"os"
	"testing"
)

const meshStatus = `{"Advertisements":[
 {"NodeID":"a","Service":"control","Time":"2026-11-24T00:45:11.137334Z","ConnType":1,"Tags":{"type":"Control Service"},"WorkCommands":[{"WorkType":"cat","Secure":false},{"WorkType":"sh","Secure":true},{"WorkType":"date","Secure":false}]},
 {"NodeID":"a","Service":"ctl2","Time":"2026-11-24T00:45:11+02:00","ConnType":2,"Tags":{"z":"it's","b":"\u001b[31m"},"WorkCommands":[{"WorkType":"cat","Secure":false}]},
 {"NodeID":"zürich-0000001","Service":"sink","Time":"once","ConnType":0,"Tags":null,"WorkCommands":null}],
"Connections":[{"NodeID":"b","Cost":1},{"NodeID":"c","Cost":2.50}],
"KnownConnectionCosts":{"zürich-0000001":{},"a":{"c":2.5,"b":1},"b":{"a":1}},
"NodeID":"a","RoutingTable":{"zürich-0000001":"b","b":"b"},"SystemCPUCount":2,"SystemMemoryMiB":24105,"Version":"dev"}`

func TestStatusTables(t *testing.T) {
	want, err := os.ReadFile("testdata/status.txt")
	if err != nil {
		t.Fatal(err)
	}
	newFakeNode(t, map[string]any{"status": meshStatus}).ctl("status").want(t, 0, string(want), "")
}

func TestStatusOfALonelyNode(t *testing.T) {
	for _, none := range []string{
		`"Advertisements":[],"Connections":[],"KnownConnectionCosts":{},"RoutingTable":{}`,
		`"Advertisements":null,"Connections":null,"KnownConnectionCosts":null,"RoutingTable":null`,
	} {
		n := newFakeNode(t, map[string]any{"status": `{"NodeID":"a","Version":"1","SystemCPUCount":2,"SystemMemoryMiB":3,` + none + `}`})
		n.ctl("status").want(t, 0, "Node ID: a\nVersion: 1\nSystem CPU Count: 2\nSystem Memory MiB: 3\n", "")
	}
}

func TestStatusWithMoreThanWeKnow(t *testing.T) {
	n := newFakeNode(t, map[string]any{"status": `{"NodeID":"a","Version":"1","SystemCPUCount":2,"SystemMemoryMiB":3,"Uptime":{"b":1,"a":"\u009b"}}`})
	n.ctl("status").want(t, 0, `Node ID: a
Version: 1
System CPU Count: 2
System Memory MiB: 3
Additional data returned from Receptor:
{
    "Uptime": {
        "a": "\u009b",
        "b": 1
    }
}
`, "")
}

// A node of ours tells of its certificates; those to renew are told on stderr, too.
func TestStatusOfCertificates(t *testing.T) {
	n := newFakeNode(t, map[string]any{"status": `{"NodeID":"a","Version":"1","SystemCPUCount":2,"SystemMemoryMiB":3,"Certificates":[
 {"Item":"tls-server","Name":"in","File":"/in.crt","NodeIDs":["a"],"NotBefore":"2030-01-31T00:00:00Z","NotAfter":"2031-01-31T01:02:03Z","State":"valid"},
 {"Item":"tls-client","Name":"a-long-name","File":"/out.crt","NodeIDs":null,"NotBefore":"2030-01-31T00:00:00Z","NotAfter":"2030-02-01T00:00:00Z","State":"expires soon"},
 {"Item":"tls-client","Name":"old","File":"/old.crt","NotAfter":"2029-01-01T00:00:00+01:00","State":"expired"}]}`})
	n.ctl("status").want(t, 0, `Node ID: a
Version: 1
System CPU Count: 2
System Memory MiB: 3

Certificate  Name      Expires               State          File
tls-server   in        2031-01-31 01:02:03   valid          /in.crt
tls-client   a-long-name 2030-02-01 00:00:00   EXPIRES SOON   /out.crt
tls-client   old       2029-01-01 00:00:00   EXPIRED        /old.crt
`, `Warning: the certificate of tls-client "a-long-name": expires soon (until 2030-02-01 00:00:00): renew /out.crt on node a
Warning: the certificate of tls-client "old": expired (until 2029-01-01 00:00:00): renew /old.crt on node a
`)
}

// So it does of what it cannot do.
func TestStatusOfProblems(t *testing.T) {
	n := newFakeNode(t, map[string]any{"status": `{"NodeID":"a","Version":"1","SystemCPUCount":2,"SystemMemoryMiB":3,"Problems":["the disk is broken"]}`})
	n.ctl("status").want(t, 0, "Node ID: a\nVersion: 1\nSystem CPU Count: 2\nSystem Memory MiB: 3\n", "Warning: the disk is broken\n")
}

func TestStatusAsJSON(t *testing.T) {
	n := newFakeNode(t, map[string]any{"status": `{"Version":"<1>","Connections":[],"RoutingTable":{"c":"b","b":"b"},"SystemMemoryMiB":9007199254740993}`})
	n.ctl("status", "--json").want(t, 0, `{
    "Connections": [],
    "RoutingTable": {
        "b": "b",
        "c": "b"
    },
    "SystemMemoryMiB": 9007199254740993,
    "Version": "<1>"
}
`, "")
	n.wantRequests(`status {"requested_fields":["NodeID","Version","SystemCPUCount","SystemMemoryMiB","Connections","KnownConnectionCosts","RoutingTable","Advertisements","Certificates","Problems"]}`)
}

func TestStatusThatFails(t *testing.T) {
	for want, answer := range map[string]any{
		"ERROR: node is closing":         errors.New("node is closing"),
		"the node's answer to status":    `{"NodeID":5}`,
		"the node's answer to status: j": `[]`,
	} {
		newFakeNode(t, map[string]any{"status": answer}).ctl("status").want(t, 1, "", want)
	}
}
