package main

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/pflag"

	"receptor/sim/scenario"
)

// gen is the command that prints a scenario file with a generated topology.
func (a app) gen(args []string) error {
	kinds := make([]string, 0, len(scenario.Kinds()))
	for _, k := range scenario.Kinds() {
		kinds = append(kinds, string(k))
	}
	f := a.flags("gen KIND --nodes N [flags]\n\nKIND is one of " + strings.Join(kinds, ", ") + ".\n" +
		"A value may be a range, MIN..MAX: then each link draws its own from the seed.")
	g := scenario.NewGenerate("", 0)
	f.IntVar(&g.Nodes, "nodes", 0, "how many nodes (required, except for a fat-tree with --degree)")
	drawn := seed(1)
	f.Var(&drawn, "seed", "seed of everything drawn")
	kindFlags(f, g)
	backend := f.String("backend", string(scenario.TCP), "tcp or udp")
	cost := f.String("cost", "1", "cost of a link")
	delay := f.String("delay", "5ms", "time that a frame takes over a link (waxman: on top of that of the distance)")
	jitter := f.String("jitter", "0s", "the most that is added to the delay of a frame, at random")
	loss := f.String("loss", "0", "probability that a frame is lost")
	name := f.String("name", "", "name of the scenario (default: KIND-N)")
	length := f.Duration("for", scenario.DefaultFor, "how long a run takes, in virtual time")
	if err := f.Parse(args); err != nil {
		return err
	}
	kind, err := oneArgument(f, "kind of topology")
	if err != nil {
		return err
	}
	if !slices.Contains(kinds, kind) {
		return fmt.Errorf("there is no kind of topology %q: %s are known", kind, strings.Join(kinds, ", "))
	}
	if g.Kind = scenario.Kind(kind); !f.Changed("nodes") && (g.Kind != scenario.FatTree || !f.Changed("degree")) {
		return errors.New("--nodes is missing: say how many nodes")
	}
	if err := checkKindFlags(f); err != nil {
		return err
	}
	if err := setWire(g, *backend, *cost, *delay, *jitter, *loss); err != nil {
		return err
	}
	s, err := g.Scenario(*name, uint64(drawn))
	if err != nil {
		return err
	}
	if s.Name == "" {
		s.Name = fmt.Sprintf("%s-%d", kind, len(s.Nodes))
	}
	s.For = *length
	if err := checkLength(s.For); err != nil {
		return err
	}
	_, err = a.stdout.Write(s.Encode("Made by: meshsim gen " + kind + asWritten(f)))
	if err != nil {
		return fmt.Errorf("write scenario: %w", err)
	}
	return nil
}

// kindFlags adds the flags that some kinds of topologies have.
func kindFlags(f *pflag.FlagSet, g *scenario.Generate) {
	f.IntVar(&g.Degree, "degree", 0, "random-regular: links of a node (4); tree: children of a node (2); hub: hubs (3); "+
		"barabasi-albert: links that a node comes with (2); fat-tree: ports of a switch, an even number (as --nodes needs)")
	f.Float64Var(&g.Probability, "probability", 0, "erdos-renyi: that of a link between two nodes (that of 4 links for a node)")
	f.Float64Var(&g.Alpha, "alpha", 0, "waxman: probability of a link between two nodes at one place (that of 4 links for a node)")
	f.Float64Var(&g.Beta, "beta", 0, "waxman: how far links reach, as a part of the diagonal of the square (0.1)")
	f.Float64Var(&g.Side, "side", 0, "waxman: side of the square that nodes are on, in km (1000)")
}

// checkKindFlags refuses a written 0, which scenario.Generate takes for the
// default.
func checkKindFlags(f *pflag.FlagSet) error {
	for _, name := range []string{"degree", "probability", "alpha", "beta", "side"} {
		if f.Changed(name) && f.Lookup(name).Value.String() == "0" {
			return fmt.Errorf("--%s 0: it must be above 0; leave it out for the default", name)
		}
	}
	return nil
}

// setWire parses what the links of g are drawn from.
func setWire(g *scenario.Generate, backend, cost, delay, jitter, loss string) error {
	if err := checkBackend(backend); err != nil {
		return err
	}
	c, costErr := parseRange("cost", cost, scenario.ParseCost)
	d, delayErr := parseRange("delay", delay, scenario.ParseDuration)
	j, jitterErr := parseRange("jitter", jitter, scenario.ParseDuration)
	l, lossErr := parseRange("loss", loss, scenario.ParseLoss)
	if err := errors.Join(costErr, delayErr, jitterErr, lossErr); err != nil {
		return err
	}
	g.SetWire(scenario.Backend(backend), c, d, j, l)
	return nil
}

func parseRange[T cmp.Ordered](flag, text string, parse func(string) (T, error)) (scenario.Range[T], error) {
	r, err := scenario.ParseRange(text, parse)
	if err != nil {
		return r, fmt.Errorf("--%s: %w", flag, err)
	}
	return r, nil
}

// asWritten returns the flags that were given, in that order.
func asWritten(f *pflag.FlagSet) string {
	text := ""
	f.Visit(func(flag *pflag.Flag) {
		value := flag.Value.String()
		if strings.ContainsFunc(value, func(r rune) bool { return r <= ' ' }) {
			value = strconv.Quote(value)
		}
		switch flag.NoOptDefVal { // a value of its own argument would be taken for another argument
		case "":
			text += " --" + flag.Name + " " + value
		case value:
			text += " --" + flag.Name
		default:
			text += " --" + flag.Name + "=" + value
		}
	})
	return text
}
