package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"receptor/sim"
	"receptor/sim/campaign"
	"receptor/sim/check"
	"receptor/sim/scenario"
	"receptor/sim/shrink"
)

// failure prints a result that failed, and writes the scenario that replays it;
// the first of each file and rule is made small before.
func (r *reporter) failure(res campaign.Result) (path string, err error) {
	p := printer{out: r.text()}
	r.describe(&p, res)
	s, err := r.plan.Plan(res.File, res.Seed)
	if err != nil {
		return "", err
	}
	first := res.Report.Violations[0]
	comment := fmt.Sprintf("Violated: %s\nFound by: %s", first, r.command(res))
	if key := res.File.Path + "\x00" + string(first.Rule); !r.shrunk[key] && r.flags.shrinkRuns > 0 {
		r.shrunk[key] = true
		before := size(s)
		var runs int
		s, runs = r.plan.Smallest(r.ctx, s, first.Rule, shrink.Options{Runs: r.flags.shrinkRuns, Progress: r.shrinking})
		r.progress.clear()
		made := fmt.Sprintf("%s, made from %s in %d runs", size(s), before, runs)
		p.printf("  %-9s %s\n", "small", made)
		comment += "\nMade small: " + made + "."
	}
	path, err = r.write(s, res, comment+"\nReplay: ", r.replayFlags(first.Rule))
	if err != nil {
		return "", err
	}
	p.printf("  %-9s meshsim run %s%s\n", "replay", path, r.replayFlags(first.Rule))
	return path, p.err
}

func (r *reporter) shrinking(runs int, best *scenario.Scenario) {
	r.progress.show(func() string { return fmt.Sprintf("making it small, run %d: %s", runs, size(best)) })
}

// replayFlags are what `meshsim run` needs to show the violation of a rule.
func (r *reporter) replayFlags(rule check.Rule) string {
	flags := ""
	if r.flags.engine != sim.EngineCore {
		flags += " --engine " + r.flags.engine
	}
	if rule == check.RuleReplay {
		flags += " --twice"
	}
	return flags
}

// command is the command line that makes this run.
func (r *reporter) command(res campaign.Result) string {
	text := fmt.Sprintf("meshsim check %s --seeds %d:%d", res.File.Path, res.Seed, res.Seed+1)
	if r.flags.engine != sim.EngineCore {
		text += " --engine " + r.flags.engine
	}
	if !r.plan.Faults {
		text += " --no-faults"
	}
	return text
}

// write writes the scenario to the folder of failures.
func (r *reporter) write(s *scenario.Scenario, res campaign.Result, comment, flags string) (path string, err error) {
	name := filepath.Base(res.File.Path)
	name = fmt.Sprintf("%s-seed%d.yaml", strings.TrimSuffix(name, filepath.Ext(name)), res.Seed)
	path = filepath.Join(r.flags.out, name)
	if err := os.MkdirAll(r.flags.out, 0o777); err != nil {
		return "", fmt.Errorf("write the scenario that fails: %w", err)
	}
	if err := os.WriteFile(path, s.Encode(comment+"meshsim run "+path+flags), 0o666); err != nil {
		return "", fmt.Errorf("write the scenario that fails: %w", err)
	}
	return path, nil
}

// writable tries whether a folder can be written, or made: who asks for hours
// of runs wants to know that before, not at the first failure. It leaves
// nothing behind.
func writable(folder string) error {
	for {
		_, err := os.Stat(folder)
		parent := filepath.Dir(folder)
		if !errors.Is(err, fs.ErrNotExist) || parent == folder {
			break
		}
		folder = parent
	}
	probe, err := os.MkdirTemp(folder, ".meshsim-")
	if err != nil {
		return err
	}
	return os.Remove(probe)
}

// size says how large a scenario is, for a person.
func size(s *scenario.Scenario) string {
	text := fmt.Sprintf("%s, %s, %s", count(len(s.Nodes), "node"), count(len(s.Links), "link"), count(len(s.Timeline), "action"))
	if n := len(s.Pings) + len(s.Datagrams) + len(s.Services); n > 0 {
		text += fmt.Sprintf(", %d series of messages or services", n)
	}
	if n := len(s.Units) + len(s.Streams); n > 0 {
		text += ", " + count(n, "unit or stream")
	}
	return text
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
