package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"receptor/sim/graphfile"
	"receptor/sim/scenario"
)

// importGraph is the command that prints a scenario file made of a graph file.
func (a app) importGraph(args []string) error {
	formats := make([]string, 0, len(graphfile.Formats()))
	for _, known := range graphfile.Formats() {
		formats = append(formats, string(known))
	}
	f := a.flags("import FILE [flags]\n\nFILE is a network as GraphML, GML (as in the Internet Topology Zoo) or for Graphviz.\n" +
		"The delay of a link is what its attribute delay says, else it follows from the coordinates of its ends.")
	format := f.String("format", "", strings.Join(formats, ", ")+" (default: by the extension of FILE)")
	name := f.String("name", "", "name of the scenario (default: that of FILE, without its extension)")
	backend := f.String("backend", string(scenario.TCP), "tcp or udp")
	delay := f.String("default-delay", "5ms", "delay of a link when an end of it has no coordinates")
	largest := f.Bool("largest", false, "leave out all but the largest part of a graph that is not connected")
	length := f.Duration("for", scenario.DefaultFor, "how long a run takes, in virtual time")
	if err := f.Parse(args); err != nil {
		return err
	}
	path, err := oneArgument(f, "graph file")
	if err != nil {
		return err
	}
	opts := graphfile.Options{Name: *name, Backend: scenario.Backend(*backend), For: *length, Largest: *largest}
	if opts.Name == "" {
		opts.Name = strings.TrimSuffix(filepath.Base(path), filepath.Ext(path))
	}
	if opts.Delay, err = scenario.ParseDuration(*delay); err != nil {
		return fmt.Errorf("--default-delay: %w", err)
	}
	if err := checkBackend(*backend); err != nil {
		return err
	}
	if err := checkLength(*length); err != nil {
		return err
	}
	if *format != "" && !slices.Contains(formats, *format) {
		return fmt.Errorf("--format %s: %s are possible", *format, strings.Join(formats, ", "))
	}
	graph, err := readGraph(path, graphfile.Format(*format))
	if err != nil {
		return err
	}
	s, notes, err := graph.Scenario(opts)
	if err != nil {
		return fmt.Errorf("bad graph:\n%w", err)
	}
	made := "Made by: meshsim import " + filepath.Base(path) + asWritten(f)
	comment := strings.Join(append([]string{made}, notes...), "\n")
	if _, err := a.stdout.Write(s.Encode(comment)); err != nil {
		return fmt.Errorf("write scenario: %w", err)
	}
	return nil
}

// readGraph reads a graph file; format "" is that of its name.
func readGraph(path string, format graphfile.Format) (*graphfile.Graph, error) {
	if format == "" {
		var err error
		if format, err = graphfile.FormatOf(path); err != nil {
			return nil, fmt.Errorf("%w; say which with --format", err)
		}
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read graph: %w", err)
	}
	defer file.Close()
	text, err := io.ReadAll(io.LimitReader(file, graphfile.MaxSize+1)) // one more than Parse takes
	if err != nil {
		return nil, fmt.Errorf("read graph: %w", err)
	}
	graph, err := graphfile.Parse(format, path, text)
	if err != nil {
		return nil, fmt.Errorf("bad graph:\n%w", err)
	}
	return graph, nil
}

// checkBackend refuses a kind of link that there is not.
func checkBackend(backend string) error {
	if b := scenario.Backend(backend); b != scenario.TCP && b != scenario.UDP {
		return fmt.Errorf("--backend %s: %s or %s are possible", backend, scenario.TCP, scenario.UDP)
	}
	return nil
}

// checkLength refuses a run that takes no time, or too much of it.
func checkLength(length time.Duration) error {
	if length <= 0 {
		return fmt.Errorf("--for %v: a run must take longer than that, such as 60s", length)
	}
	if length > scenario.MaxFor {
		return fmt.Errorf("--for %v: a run can take %v at most", length, scenario.MaxFor)
	}
	return nil
}
