package main

import (
	"context"
	"errors"
	"strings"
	"testing"
)

func TestMedian(t *testing.T) {
	for _, c := range []struct {
		of   []float64
		want float64
	}{{nil, 0}, {[]float64{3}, 3}, {[]float64{9, 1, 2}, 2}, {[]float64{4, 1, 2, 9}, 3}} {
		if got := median(c.of); got != c.want {
			t.Errorf("median of %v is %v, want %v", c.of, got, c.want)
		}
	}
}

func TestGoals(t *testing.T) {
	for _, c := range []struct {
		metric       metric
		ours, theirs []float64
		want         string
	}{
		{metric{bound: 0.5}, []float64{1, 9, 1}, []float64{2}, "met"},
		{metric{bound: 0.5}, []float64{1.1}, []float64{2}, "missed"},
		{metric{bound: 12, atLeast: true}, []float64{24}, []float64{2}, "met"},
		{metric{bound: 12, atLeast: true}, []float64{23}, []float64{2}, "missed"},
		{metric{bound: 12, atLeast: true}, []float64{23}, nil, ""}, // nobody to compare with
		{metric{bound: 20, alone: true}, []float64{19}, []float64{1}, "met"},
		{metric{bound: 20, alone: true}, []float64{21}, nil, "missed"},
		{metric{}, []float64{1}, []float64{1}, ""},
	} {
		r := newResult(c.metric)
		r.Ours, r.Theirs = c.ours, c.theirs
		r.judge()
		var table strings.Builder
		if err := (&report{Results: []*result{r}}).writeTable(&table); err != nil {
			t.Fatal(err)
		}
		cells := strings.Split(strings.TrimSpace(table.String()), "|")
		if got := strings.TrimSpace(cells[len(cells)-2]); got != c.want {
			t.Errorf("%+v with ours %v, theirs %v: %q, want %q", c.metric, c.ours, c.theirs, got, c.want)
		}
	}
}

// A program that cannot do something does not keep the rest from being measured.
func TestFailureOfOne(t *testing.T) {
	subjects := []*subject{{name: "ours", sizes: sizes{Rounds: 3}}, {name: "theirs"}}
	turns := 0
	s := scenario{name: "test", metrics: []metric{{bound: 20, alone: true}}, run: func(_ context.Context, s *subject) ([]float64, error) {
		if turns++; s.name == "theirs" {
			return nil, errors.New("no stream")
		}
		return []float64{7}, nil
	}}
	results, err := s.compare(context.Background(), subjects)
	if err == nil || err.Error() != "test of theirs: no stream" {
		t.Errorf("%v", err)
	}
	if r := results[0]; len(r.Ours) != 3 || len(r.Theirs) != 0 || r.Met == nil || !*r.Met || turns != 4 {
		t.Errorf("%d turns, %+v", turns, r)
	}
}

// Every node but the first dials some that are before it, and each pair once.
func TestCrowdLinks(t *testing.T) {
	links := make(map[[2]int]bool)
	for from, dials := range crowdLinks() {
		if from > 0 && len(dials) == 0 {
			t.Errorf("node %d dials nobody", from)
		}
		for _, to := range dials {
			if to >= from {
				t.Errorf("node %d dials %d, which is not there yet", from, to)
			}
			links[[2]int{from, to}] = true
		}
	}
	if len(links) != 58 {
		t.Errorf("%d links, want 58", len(links))
	}
}
