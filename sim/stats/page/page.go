// Package page writes one run of a simulated mesh as a web page: the topology
// and what happened to it over time, with a slider; plots and tables of the
// figures. The page is one file that loads nothing else. Its size is bounded: a
// large mesh is drawn as groups of nodes, and time becomes coarser the more
// happens.
//
// Every text from a scenario is hostile: html/template escapes it, and the page
// forbids all scripts but its own.
package page

import (
	"cmp"
	"crypto/sha256"
	_ "embed" // for the files of the page
	"encoding/base64"
	"fmt"
	"html/template"
	"io"
	"slices"
	"time"

	"receptor/sim"
	"receptor/sim/check"
	"receptor/sim/scenario"
	"receptor/sim/stats"
)

//go:embed page.html
var pageHTML string

//go:embed page.css
var pageStyle string

//go:embed page.js
var pageScript string

var pageTemplate = template.Must(template.New("page").Parse(pageHTML))

// Run is what a page shows.
type Run struct {
	Scenario *scenario.Scenario
	Report   sim.Report
	// Record is that of the run.
	Record *stats.Recorder
	// Version is that of the program, Replay the command that repeats the run.
	Version, Replay string
}

// content is what the template fills in.
type content struct {
	Title, Description    string
	Style                 template.CSS
	Script                template.JS
	StyleHash, ScriptHash string
	Facts                 []fact
	Note                  string
	Violations            []violation
	Episodes              []episode
	Actions               []action
	MoreViolations        int
	MoreEpisodes          int
	MoreActions           int
	Model                 *model
	Version, Replay       string
}

type fact struct{ Name, Value string }

type violation struct{ Seconds, Node, Rule, Text string }

type episode struct {
	Seconds           string
	Cause             check.Cause
	Routed, Converged string
	Longest           int
}

type action struct{ Seconds, Text string }

// Write writes the page of a run. The error is that of out.
func Write(out io.Writer, r Run) error {
	length := time.Duration(r.Report.VirtualSeconds * float64(time.Second))
	m, d := newModel(r.Scenario, length, r.Record)
	c := content{
		Title: cut(r.Scenario.Name, maxText), Description: cut(r.Scenario.Description, 10*maxText),
		Style: template.CSS(pageStyle), Script: template.JS(pageScript), // files of ours
		StyleHash: hash(pageStyle), ScriptHash: hash(pageScript),
		Facts: facts(r.Report, length), Note: note(d), Model: m, Version: r.Version, Replay: r.Replay,
	}
	if c.Title == "" {
		c.Title = "A mesh without a name"
	}
	c.addViolations(r, d)
	c.addEpisodes(r.Report.Figures.Episodes)
	c.addActions(r.Scenario, length)
	if err := pageTemplate.Execute(out, c); err != nil {
		return fmt.Errorf("write page: %w", err)
	}
	return nil
}

// hash is how the page names a text that may be run or styled by, in its policy.
func hash(text string) string {
	sum := sha256.Sum256([]byte(text))
	return "sha256-" + base64.StdEncoding.EncodeToString(sum[:])
}

func (c *content) addViolations(r Run, d *drawing) {
	index := make(map[string]int, len(r.Scenario.Nodes))
	for i, n := range r.Scenario.Nodes {
		index[n.ID] = i
	}
	c.MoreViolations = max(0, len(r.Report.Violations)-maxLog)
	for _, v := range r.Report.Violations[:min(maxLog, len(r.Report.Violations))] {
		place := int64(-1)
		if i, known := index[v.Node]; known {
			place = int64(d.placeOf[i])
		}
		node := v.Node
		if node == "" {
			node = "the mesh"
		}
		c.Model.Violations = append(c.Model.Violations, [2]int64{int64(v.AtSeconds * 1000), place})
		c.Violations = append(c.Violations, violation{
			pointInTime(time.Duration(v.AtSeconds * float64(time.Second))), cut(node, maxText), string(v.Rule), cut(v.Text, 3*maxText)})
	}
}

func (c *content) addEpisodes(list []check.Episode) {
	c.MoreEpisodes = max(0, len(list)-maxEpisodes)
	for _, e := range list[:min(maxEpisodes, len(list))] {
		c.Episodes = append(c.Episodes, episode{pointInTime(e.Began), e.Cause, took(e.Routed), took(e.Converged), e.Longest})
		c.Model.Episodes = append(c.Model.Episodes, episodeData{
			string(e.Cause), e.Began.Milliseconds(), e.Ended.Milliseconds(), milliseconds(e.Routed), milliseconds(e.Converged)})
	}
}

// milliseconds keeps check.Never what it is.
func milliseconds(d time.Duration) int64 {
	if d == check.Never {
		return -1
	}
	return d.Milliseconds()
}

func took(d time.Duration) string {
	if d == check.Never {
		return "not before the next one, or the end"
	}
	return d.Round(100 * time.Microsecond).String()
}

// addActions lists the timeline. Nothing is carried out after Settle.
func (c *content) addActions(s *scenario.Scenario, length time.Duration) {
	list := slices.Clone(s.Timeline)
	slices.SortStableFunc(list, func(a, b scenario.Action) int { return cmp.Compare(a.At, b.At) })
	for i, a := range list {
		if a.At > length {
			break
		}
		if len(c.Actions) == maxLog {
			c.MoreActions = len(list) - i
			break
		}
		c.Actions = append(c.Actions, action{pointInTime(a.At), cut(a.String(), maxText)})
		if a.Do == scenario.Settle {
			break
		}
	}
}

// pointInTime is one that the script reads, too.
func pointInTime(t time.Duration) string {
	return fmt.Sprintf("%.3f", t.Truncate(time.Millisecond).Seconds())
}

func note(d *drawing) string {
	if !d.grouped {
		return "Colour and shape tell the state. Click a node, or name it, to read more."
	}
	return fmt.Sprintf("Drawn are %d groups of nodes that lie together, with a share of colour for each state, and the links between them. "+
		"A link within a group is not drawn or counted here.", len(d.members))
}

func facts(r sim.Report, length time.Duration) []fact {
	g := stats.NewGatherer()
	g.Add(r.Figures)
	s := g.Summary()
	list := []fact{
		{"Mesh", fmt.Sprintf("%d nodes, %d links", r.Nodes, r.Links)},
		{"Run", fmt.Sprintf("%v, seed %d, %s engine", length.Round(time.Millisecond), r.Seed, r.Engine)},
		{"Events", fmt.Sprint(r.Events)},
		{"Trace hash", r.TraceHash},
		{"Right since", convergedAt(r)},
		{"Control bytes per node and second, calm", describeRates(s.Control.Calm)},
		{"Control bytes per node and second, busy", describeRates(s.Control.Busy)},
		{"Longest path", fmt.Sprintf("%d links delivered over, %d links of a route", r.Figures.DeliveredHops, r.Figures.RouteHops)},
	}
	if p := r.Figures.Pings; p.Sent > 0 {
		list = append(list, fact{"Pings", fmt.Sprintf("%d sent, %d answered, %d lost", p.Sent, p.Answered, p.Lost)})
	}
	if d := r.Figures.Datagrams; d.Sent > 0 {
		list = append(list, fact{"Datagrams", d.String()})
	}
	return list
}

func convergedAt(r sim.Report) string {
	if r.ConvergedAtSeconds == nil {
		return "never: something was wrong at the end"
	}
	return fmt.Sprintf("%.3f s", *r.ConvergedAtSeconds)
}

func describeRates(d stats.Distribution) string {
	if d.Count == 0 {
		return "it never was"
	}
	return fmt.Sprintf("median %.1f, 95 %% up to %.1f, most %.1f", d.Median, d.P95, d.Max)
}
