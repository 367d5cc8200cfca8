package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"

	"receptor/sim/check"
	"receptor/sim/full"
	"receptor/sim/scenario"
)

// runFull runs a scenario on the full engine.
func (a app) runFull(ctx context.Context, file *scenario.File, flags *runFlags) error {
	seed := file.Seed()
	if flags.seedGiven {
		seed = flags.seed
	}
	s, err := resolve(file, seed)
	if err != nil {
		return err
	}
	host, err := newHost(ctx)
	if err != nil {
		return err
	}
	defer host.Close()
	opts := full.Options{Wall: a.wall, For: flags.length}
	var trace bytes.Buffer
	if flags.tracePath != "" || flags.twice {
		opts.Trace = &trace
	}
	report, err := host.Run(ctx, s, opts)
	if err != nil {
		return err
	}
	if flags.twice {
		var again bytes.Buffer
		opts.Trace = &again
		if _, err := host.Run(ctx, s, opts); err != nil {
			return err
		}
		if text := full.Difference(trace.Bytes(), again.Bytes()); text != "" {
			report.Violations = append(report.Violations, check.Violation{AtSeconds: report.VirtualSeconds, Rule: check.RuleReplay, Text: text})
		}
	}
	if flags.tracePath != "" {
		if err := os.WriteFile(flags.tracePath, trace.Bytes(), 0o666); err != nil {
			return fmt.Errorf("write trace: %w", err)
		}
	}
	if flags.asJSON {
		err = json.NewEncoder(a.stdout).Encode(report)
	} else {
		err = a.summarizeFull(report)
	}
	if err != nil {
		return fmt.Errorf("write report: %w", err)
	}
	if len(report.Violations) > 0 {
		return errViolated
	}
	return nil
}

// newHost returns a host with the guest that this program has.
func newHost(ctx context.Context) (*full.Host, error) {
	guest, err := full.Guest()
	if err != nil {
		return nil, err
	}
	return full.NewHost(ctx, guest, full.CacheDir(), 0)
}

// checkFull refuses flags that the full engine has no use for.
func checkFull(changed func(string) bool) error {
	for _, name := range []string{"seeds", "resolved", "html", "history"} {
		if changed(name) {
			return fmt.Errorf("--%s is for the core engine: leave it out", name)
		}
	}
	return nil
}

func (a app) summarizeFull(r full.Report) error {
	p := printer{out: a.stdout}
	p.printf("%-11s %d nodes, %d links, seed %d, %s engine, guest %s\n", "mesh", r.Nodes, r.Links, r.Seed, r.Engine, r.Guest)
	p.printf("%-11s %v of virtual time in %.2f s\n", "run", virtual(r.VirtualSeconds), r.WallSeconds)
	p.printf("%-11s %d\n%-11s %s\n", "events", r.Events, "trace hash", r.TraceHash)
	p.converged(r.ConvergedAtSeconds)
	if r.Quiet {
		p.printf("%-11s databases and routes: the mesh has been quiet for longer than the convergence bound\n", "checked")
	} else {
		p.printf("%-11s databases and routes were not: the run ends before the mesh has been quiet for the convergence bound\n", "checked")
	}
	p.printf("%-11s %d sent, %d answered\n", "pings", r.Pings.Sent, r.Pings.Answered)
	p.printf("%-11s %d sent, %d delivered\n", "datagrams", r.Datagrams.Sent, r.Datagrams.Delivered)
	p.printf("%-11s %d opened, %d complete\n", "streams", r.Streams.Opened, r.Streams.Complete)
	p.printf("%-11s %d submitted, %d succeeded, %d ended, %d released\n", "units", r.Units.Submitted, r.Units.Succeeded, r.Units.Ended, r.Units.Released)
	p.printf("%-11s %d\n", "violations", len(r.Violations))
	for _, v := range r.Violations {
		p.printf("  %s\n", v)
	}
	return p.err
}
