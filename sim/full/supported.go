package full

import (
	"fmt"

	"receptor/sim/scenario"
)

// supported says what in a scenario this engine does not do.
func supported(s *scenario.Scenario) error {
	refuse := func(format string, args ...any) error {
		return fmt.Errorf("the full engine has no %s: leave it out, or run the core engine", fmt.Sprintf(format, args...))
	}
	for _, v := range s.Services {
		if v.Name == "control" || v.Name == "stream" {
			return fmt.Errorf("the daemons of the full engine have a service %s of their own: give that of %s another name", v.Name, v.Node)
		}
	}
	for _, n := range s.Nodes {
		if n.Kind == scenario.KindDeployed {
			return refuse("deployed node, which %s is", n.ID)
		}
	}
	return nil
}
