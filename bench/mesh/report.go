package main

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strconv"
	"text/tabwriter"
)

// result is what was measured of one metric, in the order of the rounds.
type result struct {
	metric metric

	Name   string    `json:"name"`
	Unit   string    `json:"unit"`
	Goal   string    `json:"goal,omitempty"`
	Met    *bool     `json:"met,omitempty"` // nil: there is no goal, or nobody to compare with
	Ours   []float64 `json:"ours"`
	Theirs []float64 `json:"theirs,omitempty"`
	Median struct {
		Ours   float64 `json:"ours"`
		Theirs float64 `json:"theirs,omitempty"`
		Ratio  float64 `json:"ratio,omitempty"`
	} `json:"median"`
}

func newResult(m metric) *result {
	return &result{metric: m, Name: m.name, Unit: m.unit, Goal: m.goal()}
}

// judge holds the medians against the goal.
func (r *result) judge() {
	r.Median.Ours, r.Median.Theirs = median(r.Ours), median(r.Theirs)
	if r.Median.Theirs > 0 {
		r.Median.Ratio = r.Median.Ours / r.Median.Theirs
	}
	figure := r.Median.Ratio
	if r.metric.alone {
		figure = r.Median.Ours
	}
	if r.metric.bound == 0 || len(r.Ours) == 0 || !r.metric.alone && r.Median.Theirs == 0 {
		return
	}
	met := figure <= r.metric.bound
	if r.metric.atLeast {
		met = figure >= r.metric.bound
	}
	r.Met = &met
}

// report is what a run prints.
type report struct {
	Sizes   sizes     `json:"sizes"`
	Results []*result `json:"results"`
}

func (r *report) writeJSON(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(r)
}

// writeTable writes a table of Markdown.
func (r *report) writeTable(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 1, ' ', 0)
	fmt.Fprintln(t, "|\t\t| ours\t| theirs\t| ratio\t| goal\t|\t|")
	fmt.Fprintln(t, "|---\t|---\t|---\t|---\t|---\t|---\t|---\t|")
	for _, r := range r.Results {
		verdict := ""
		if r.Met != nil {
			verdict = map[bool]string{true: "met", false: "missed"}[*r.Met]
		}
		fmt.Fprintf(t, "| %s\t| %s\t| %s\t| %s\t| %s\t| %s\t| %s\t|\n", r.Name, r.Unit,
			figure(r.Median.Ours), figure(r.Median.Theirs), figure(r.Median.Ratio), r.Goal, verdict)
	}
	return t.Flush()
}

// figure shows three digits, and nothing for what was not measured.
func figure(f float64) string {
	switch {
	case f == 0:
		return ""
	case f >= 100:
		return strconv.FormatFloat(f, 'f', 0, 64)
	}
	return strconv.FormatFloat(f, 'g', 3, 64)
}

// median is that of the numbers, or 0 of none.
func median(numbers []float64) float64 {
	if len(numbers) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(numbers))
	middle := len(sorted) / 2
	if len(sorted)%2 == 1 {
		return sorted[middle]
	}
	return (sorted[middle-1] + sorted[middle]) / 2
}
