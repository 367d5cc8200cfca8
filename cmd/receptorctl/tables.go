package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// minNodeWidth is the width of the first column of all tables, in characters,
// unless a node ID is longer.
const minNodeWidth = 12

// nodeStatus is the answer to status. Numbers stay as they were written.
type nodeStatus struct {
	NodeID          string
	Version         string
	SystemCPUCount  json.Number
	SystemMemoryMiB json.Number
	Connections     []struct {
		NodeID string
		Cost   json.Number
	}
	KnownConnectionCosts map[string]map[string]json.Number
	RoutingTable         map[string]string
	Advertisements       []advertisement
	Certificates         []certificate // of nodes of ours only
	Problems             []string      // likewise
}

type advertisement struct {
	NodeID       string
	Service      string
	Time         string
	ConnType     int
	Tags         map[string]string
	WorkCommands []struct {
		WorkType string
		Secure   bool
	}
}

// knownFields are the keys of a status that showStatus has a place for.
var knownFields = []string{
	"NodeID", "Version", "SystemCPUCount", "SystemMemoryMiB", "Connections", "KnownConnectionCosts", "RoutingTable", "Advertisements", "Certificates", "Problems",
}

// showStatus prints a status as tables, in the layout of the Python
// receptorctl; what it has no place for follows as JSON.
func (a *app) showStatus(answer json.RawMessage) error {
	var st nodeStatus
	var more map[string]json.RawMessage
	if err := json.Unmarshal(answer, &st); err != nil {
		return fmt.Errorf("the node's answer to status: %w", err)
	}
	if err := json.Unmarshal(answer, &more); err != nil {
		return fmt.Errorf("the node's answer to status: %w", err)
	}
	a.say("Node ID: %s", st.NodeID)
	a.say("Version: %s", st.Version)
	a.say("System CPU Count: %s", st.SystemCPUCount)
	a.say("System Memory MiB: %s", st.SystemMemoryMiB)

	t := table{app: a, width: nodeWidth(&st)}
	t.connections(&st)
	t.knownNodes(&st)
	t.routes(&st)
	t.services(&st)
	t.workTypes(&st, "Work Types", false)
	t.workTypes(&st, "Secure Work Types", true)
	t.certificates(&st)
	a.warnOfCertificates(&st)
	for _, problem := range st.Problems {
		a.complain("Warning: %s", problem)
	}

	for _, field := range knownFields {
		delete(more, field)
	}
	if len(more) == 0 {
		return nil
	}
	rest, err := json.Marshal(more)
	if err != nil {
		return fmt.Errorf("the node's answer to status: %w", err)
	}
	a.say("Additional data returned from Receptor:")
	return a.sayJSON(rest)
}

func nodeWidth(st *nodeStatus) int {
	width := minNodeWidth
	for _, c := range st.Connections {
		width = max(width, utf8.RuneCountInString(c.NodeID))
	}
	for node := range st.KnownConnectionCosts {
		width = max(width, utf8.RuneCountInString(node))
	}
	return width
}

// table prints the tables of a status. An empty one is left out.
type table struct {
	app   *app
	width int // of the first column
}

func (t *table) header(first, rest string) {
	t.app.say("")
	t.row(first, rest)
}

func (t *table) row(first, rest string) { t.app.say("%-*s %s", t.width, first, rest) }

func (t *table) connections(st *nodeStatus) {
	if len(st.Connections) == 0 {
		return
	}
	t.header("Connection", "Cost")
	for _, c := range st.Connections {
		t.row(c.NodeID, c.Cost.String())
	}
}

func (t *table) knownNodes(st *nodeStatus) {
	if len(st.KnownConnectionCosts) == 0 {
		return
	}
	t.header("Known Node", "Known Connections")
	for _, node := range slices.Sorted(maps.Keys(st.KnownConnectionCosts)) {
		costs := st.KnownConnectionCosts[node]
		var peers strings.Builder
		for _, peer := range slices.Sorted(maps.Keys(costs)) {
			fmt.Fprintf(&peers, "%s: %s ", peer, costs[peer])
		}
		t.row(node, peers.String())
	}
}

func (t *table) routes(st *nodeStatus) {
	if len(st.RoutingTable) == 0 {
		return
	}
	t.header("Route", "Via")
	for _, node := range slices.Sorted(maps.Keys(st.RoutingTable)) {
		t.row(node, st.RoutingTable[node])
	}
}

func (t *table) services(st *nodeStatus) {
	if len(st.Advertisements) == 0 {
		return
	}
	t.header("Node", "Service   Type       Last Seen             Tags")
	for _, ad := range st.Advertisements {
		t.row(ad.NodeID, fmt.Sprintf("%-9s %-10s %-21s %-16s", ad.Service, connType(ad.ConnType), lastSeen(ad.Time), tagList(ad.Tags)))
	}
}

// workTypes lists for each node the work types that ask for a signature
// (secure), or those that do not. A node that advertises them with several
// control services is listed once.
func (t *table) workTypes(st *nodeStatus, title string, secure bool) {
	seen := make(map[string]bool)
	for _, ad := range st.Advertisements {
		var types []string
		for _, c := range ad.WorkCommands {
			if c.Secure == secure {
				types = append(types, c.WorkType)
			}
		}
		if len(types) == 0 || seen[ad.NodeID] {
			continue
		}
		if len(seen) == 0 {
			t.header("Node", title)
		}
		seen[ad.NodeID] = true
		t.row(ad.NodeID, strings.Join(types, ", "))
	}
}

func connType(n int) string {
	switch n {
	case 0:
		return "Datagram"
	case 1:
		return "Stream"
	case 2:
		return "StreamTLS"
	}
	return fmt.Sprint(n)
}

// lastSeen shows the time of an advertisement, in the zone it came with.
func lastSeen(s string) string {
	t, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		return s
	}
	return t.Format("2006-01-02 15:04:05")
}

// tagList shows tags as {'name': 'value', …}, or - for none at all.
func tagList(tags map[string]string) string {
	if tags == nil {
		return "-"
	}
	items := make([]string, 0, len(tags))
	for _, name := range slices.Sorted(maps.Keys(tags)) {
		items = append(items, fmt.Sprintf("%s: %s", singleQuoted(name), singleQuoted(tags[name])))
	}
	return "{" + strings.Join(items, ", ") + "}"
}

func singleQuoted(s string) string {
	if strings.Contains(s, "'") && !strings.Contains(s, `"`) {
		return `"` + strings.ReplaceAll(s, `\`, `\\`) + `"`
	}
	return "'" + strings.NewReplacer(`\`, `\\`, "'", `\'`).Replace(s) + "'"
}
