package control

import (
	"context"
	"errors"
	"slices"

	"receptor/mesh/wire"
)

// status answers with what the node knows of itself and of the mesh, or with
// those fields of it that were asked for.
func (c *meshCommands) status(_ context.Context, req *Request, _ Session) (any, error) {
	if len(req.Args) > 0 {
		return nil, errors.New("status command does not take parameters")
	}
	wanted, err := requestedFields(req)
	if err != nil {
		return nil, err
	}
	st := c.node.Status()
	answer := map[string]any{
		"NodeID":               st.NodeID,
		"Version":              c.opts.Info.Version,
		"SystemCPUCount":       c.opts.Info.SystemCPUCount,
		"SystemMemoryMiB":      c.opts.Info.SystemMemoryMiB,
		"Connections":          st.Connections,
		"RoutingTable":         st.RoutingTable,
		"Advertisements":       st.Advertisements,
		"KnownConnectionCosts": st.KnownConnectionCosts,
	}
	// Only on demand: old clients show every field that they do not know.
	if slices.Contains(wanted, "Certificates") {
		answer["Certificates"] = c.certificates()
	}
	// And this only when there are any, which every client is to show.
	if problems := c.problems(); len(problems) > 0 {
		answer["Problems"] = problems
	}
	// Clients iterate over the lists: let none be null.
	if st.Connections == nil {
		answer["Connections"] = []struct{}{}
	}
	if st.Advertisements == nil {
		answer["Advertisements"] = []wire.ServiceAdvertisement{}
	}
	if wanted != nil {
		for field := range answer {
			if !slices.Contains(wanted, field) {
				delete(answer, field)
			}
		}
	}
	return answer, nil
}

func (c *meshCommands) certificates() []Certificate {
	if c.opts.Certificates == nil {
		return []Certificate{}
	}
	return c.opts.Certificates()
}

func (c *meshCommands) problems() []string {
	if c.opts.Problems == nil {
		return nil
	}
	return c.opts.Problems()
}

// requestedFields returns nil if the request does not say. Names that nobody
// knows are no error: a later version may answer them.
func requestedFields(req *Request) ([]string, error) {
	raw, ok := req.Fields["requested_fields"]
	if !ok {
		return nil, nil
	}
	list, ok := raw.([]any)
	if !ok {
		return nil, errors.New("requested_fields must be a list of field names")
	}
	fields := make([]string, 0, len(list))
	for _, item := range list {
		name, ok := item.(string)
		if !ok {
			return nil, errors.New("requested_fields must be a list of field names")
		}
		fields = append(fields, name)
	}
	return fields, nil
}
