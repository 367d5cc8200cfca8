package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"
)

// tally gathers what has become of the units, and what is wrong with that.
type tally struct {
	dir string

	mu       sync.Mutex
	jobs     []*job
	problems []string
}

func (t *tally) add(j *job) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.jobs = append(t.jobs, j)
}

func (t *tally) complain(format string, args ...any) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.problems = append(t.problems, fmt.Sprintf(format, args...))
}

// runs says how often each job has run.
func (t *tally) runs() map[string]int {
	data, err := os.ReadFile(filepath.Join(t.dir, "ran"))
	if err != nil {
		t.complain("%v", err)
	}
	runs := make(map[string]int)
	for _, name := range strings.Fields(string(data)) {
		runs[name]++
	}
	return runs
}

// judge holds a job against what was promised.
func (t *tally) judge(j *job, runs int) {
	switch {
	case runs > 1:
		t.complain("%s ran %d times", j, runs)
	case j.target.deployed && j.state == "Failed":
		// Such a node cannot be asked whether it has a unit, and forgets its own.
	case j.acknowledged && !j.terminal():
		t.complain("%s was acknowledged and is still %q: %s", j, j.state, j.detail)
	case j.acknowledged && !j.canceled && j.state != "Succeeded":
		t.complain("%s was acknowledged and is %s: %s", j, j.state, j.detail)
	case j.state == "Succeeded" && runs == 0:
		t.complain("%s succeeded and has not run", j)
	case j.state == "Succeeded" && !bytes.Equal(j.output, j.stdin):
		t.complain("%s has %d bytes of output which are not its input", j, len(j.output))
	case j.state != "Succeeded" && !bytes.HasPrefix(j.stdin, j.output):
		t.complain("%s has %d bytes of output which its input does not begin with", j, len(j.output))
	}
}

// left finds what is left of units: files, and processes.
func (t *tally) left(m *mesh) {
	for _, n := range m.nodes {
		if units, _ := filepath.Glob(filepath.Join(n.dir, "data", n.id, "*", "status")); len(units) > 0 {
			t.complain("left after the release: %d units on the disk of %s, such as %s", len(units), n.id, units[0])
		}
	}
	environs, _ := filepath.Glob("/proc/[0-9]*/environ")
	for _, path := range environs {
		env, err := os.ReadFile(path)
		if err != nil || !slices.Contains(strings.Split(string(env), "\x00"), mark+"="+m.tag) {
			continue
		}
		cmd, _ := os.ReadFile(filepath.Join(filepath.Dir(path), "cmdline"))
		t.complain("left after the release: process %s: %s", filepath.Base(filepath.Dir(path)), bytes.ReplaceAll(cmd, []byte{0}, []byte{' '}))
	}
}

// report prints what came of it all, and reports whether all is well.
func (t *tally) report(m *mesh) bool {
	runs := t.runs()
	states := make(map[string]int)
	var acknowledged int
	var bytes int64
	var took []time.Duration
	for _, j := range t.jobs {
		t.judge(j, runs[j.name])
		bytes += int64(len(j.output))
		if j.acknowledged {
			acknowledged++
		}
		if j.state == "Succeeded" {
			took = append(took, j.ended.Sub(j.began))
		}
		if j.state == "Failed" {
			fmt.Printf("failed: %s: %s\n", j, j.detail)
		}
		states[j.state]++
	}
	t.left(m)
	slices.Sort(took)
	fmt.Printf("%d kills of daemons, %d cuts or stalls of links\n", m.kills, m.cuts)
	fmt.Printf("%d submissions, %d acknowledged: %d succeeded, %d failed, %d canceled, %d without a unit; %d runs, %d bytes of output\n",
		len(t.jobs), acknowledged, states["Succeeded"], states["Failed"], states["Canceled"], states[""], len(runs), bytes)
	if len(took) > 0 {
		fmt.Printf("a unit took %v in the median, %v at most\n", took[len(took)/2].Round(time.Millisecond), took[len(took)-1].Round(time.Millisecond))
	}
	for _, p := range t.problems {
		fmt.Println("PROBLEM:", p)
	}
	if len(t.problems) == 0 {
		fmt.Println("every unit ran at most once, those acknowledged exactly once; all output is right; nothing is left")
	}
	return len(t.problems) == 0
}
