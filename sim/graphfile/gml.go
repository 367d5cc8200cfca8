package graphfile

import "html"

// gmlReader reads lists of keys and values: numbers, strings and lists.
type gmlReader struct {
	*builder
	scanner
}

// gmlList is what a list is for.
type gmlList int

const (
	gmlFile gmlList = iota
	gmlGraph
	gmlNode
	gmlEdge
	gmlOther
)

// inside returns what the list of a key is for that is in another.
func (l gmlList) inside(key string) gmlList {
	switch {
	case l == gmlFile && key == "graph":
		return gmlGraph
	case l == gmlGraph && key == "node":
		return gmlNode
	case l == gmlGraph && key == "edge":
		return gmlEdge
	default:
		return gmlOther
	}
}

// gmlItem is a list with what it says so far.
type gmlItem struct {
	is                 gmlList
	id, source, target string
	attributes
	line int
}

func (i *gmlItem) set(key, value string) {
	switch key {
	case "id":
		i.id = value
	case "source":
		i.source = value
	case "target":
		i.target = value
	default:
		i.attributes.set(key, value)
	}
}

func readGML(b *builder, text string) error {
	r := &gmlReader{b, newScanner(text)}
	return r.list(&gmlItem{is: gmlFile}, 0)
}

// list reads up to the end of a list.
func (r *gmlReader) list(into *gmlItem, depth int) error {
	for {
		r.skip()
		switch {
		case r.atEnd() && into.is == gmlFile:
			return nil
		case r.atEnd():
			return r.fail(r.line, "the file ends within the list that begins on line %d", into.line)
		case r.peek() == ']' && into.is != gmlFile:
			r.take(1)
			return r.add(into)
		}
		key := r.takeWhile(isWord)
		if key == "" || isDigit(key[0]) {
			return r.fail(r.line, "%s where a key such as node is expected", r.found(key))
		}
		r.skip()
		if r.peek() != '[' {
			value, err := r.scalar(key)
			if err != nil {
				return err
			}
			into.set(key, value)
			continue
		}
		if depth == maxDepth {
			return r.fail(r.line, "lists are nested more than %d deep", maxDepth)
		}
		item := gmlItem{is: into.is.inside(key), line: r.line}
		r.take(1)
		if err := r.list(&item, depth+1); err != nil {
			return err
		}
	}
}

func (r *gmlReader) found(word string) string {
	if word != "" {
		return quote(word)
	}
	return r.here()
}

// skip moves on over white space and comments.
func (r *gmlReader) skip() {
	for {
		r.takeWhile(isSpace)
		if r.peek() != '#' {
			return
		}
		r.skipLine()
	}
}

// scalar reads a string or a number. Strings have no escapes but those of HTML.
func (r *gmlReader) scalar(key string) (string, error) {
	if line := r.line; r.peek() == '"' {
		r.take(1)
		value, ok := r.takeThrough(`"`)
		if !ok {
			return "", r.fail(line, "the string of %s has no end", quote(key))
		}
		return html.UnescapeString(value), nil
	}
	value := r.takeWhile(func(c byte) bool { return isWord(c) || c == '.' || c == '+' || c == '-' })
	if value == "" {
		return "", r.fail(r.line, "%s where the value of %s is expected: a number, a string or a list", r.here(), quote(key))
	}
	return value, nil
}

// add takes what a list has said.
func (r *gmlReader) add(i *gmlItem) error {
	switch i.is {
	case gmlNode:
		if i.id == "" {
			return r.fail(i.line, "a node has no id")
		}
		return r.node(i.id, i.attributes, i.line)
	case gmlEdge:
		if i.source == "" || i.target == "" {
			return r.fail(i.line, "an edge needs a source and a target")
		}
		return r.edge(i.source, i.target, i.attributes, i.line)
	}
	return nil
}
