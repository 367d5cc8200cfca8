package scenario

import (
	"bytes"
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"gopkg.in/yaml.v3"
)

const schemaPath = "../../docs/topologies.schema.json"

// schema is docs/topologies.schema.json, to validate with and to look at.
type schema struct {
	compiled *jsonschema.Schema
	root     map[string]any
}

func loadSchema(t *testing.T) schema {
	t.Helper()
	text, err := os.ReadFile(schemaPath)
	if err != nil {
		t.Fatal(err)
	}
	var s schema
	if err := json.Unmarshal(text, &s.root); err != nil {
		t.Fatalf("%s: %v", schemaPath, err)
	}
	if s.compiled, err = jsonschema.NewCompiler().Compile(schemaPath); err != nil {
		t.Fatal(err)
	}
	return s
}

// validate reports why the schema does not take a file.
func (s schema) validate(t *testing.T, text []byte) error {
	t.Helper()
	var value any
	if err := yaml.Unmarshal(text, &value); err != nil {
		t.Fatal(err)
	}
	asJSON, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	instance, err := jsonschema.UnmarshalJSON(bytes.NewReader(asJSON))
	if err != nil {
		t.Fatal(err)
	}
	return s.compiled.Validate(instance)
}

// alternatives are the schemas that a value may be of: what a reference refers
// to, and each of several.
func (s schema) alternatives(of map[string]any) []map[string]any {
	all := []map[string]any{of}
	if ref, ok := of["$ref"].(string); ok {
		defs := s.root["$defs"].(map[string]any)
		all = append(all, s.alternatives(defs[strings.TrimPrefix(ref, "#/$defs/")].(map[string]any))...)
	}
	if choices, ok := of["anyOf"].([]any); ok {
		for _, a := range choices {
			all = append(all, s.alternatives(a.(map[string]any))...)
		}
	}
	return all
}

// walk calls visit with each mapping of a file, and the properties that the
// schema has for it.
func (s schema) walk(t *testing.T, n *yaml.Node, of map[string]any, visit func(n *yaml.Node, properties map[string]any)) {
	t.Helper()
	for _, a := range s.alternatives(of) {
		properties, isObject := a["properties"].(map[string]any)
		items, isArray := a["items"].(map[string]any)
		switch {
		case isObject && n.Kind == yaml.MappingNode:
			visit(n, properties)
			for i := 0; i < len(n.Content); i += 2 {
				if below, ok := properties[n.Content[i].Value].(map[string]any); ok {
					s.walk(t, n.Content[i+1], below, visit)
				}
			}
			return
		case isArray && n.Kind == yaml.SequenceNode:
			for _, c := range n.Content {
				s.walk(t, c, items, visit)
			}
			return
		}
	}
	if n.Kind != yaml.ScalarNode {
		t.Errorf("line %d: the schema has no %v there", n.Line, n.Kind)
	}
}

func sortedKeys(m map[string]any) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// allKeys returns the keys that mappings of files can have, sorted.
func (s schema) allKeys(node any) []string {
	found := map[string]any{}
	var look func(node any)
	look = func(node any) {
		switch node := node.(type) {
		case map[string]any:
			for k, v := range node {
				if properties, ok := v.(map[string]any); ok && k == "properties" && node["additionalProperties"] == false {
					for name := range properties {
						found[name] = nil
					}
				}
				look(v)
			}
		case []any:
			for _, v := range node {
				look(v)
			}
		}
	}
	look(node)
	return sortedKeys(found)
}
