package full

import "encoding/binary"

// A function of Go that jumps is a loop in WebAssembly, with a dispatch at its head: a
// table of where its basic blocks begin. Each of these is where a block of WebAssembly
// ends, the first that of the innermost. A jump stores the number of a basic
// block, and goes back to the head of the loop. (What a goroutine that has waited goes
// on with is found by the dispatch, too.) Most jumps are forward, out of a block of
// WebAssembly that is still open, so they can go where they are to at once.

// localPC is the local variable that has the number of the basic block to go on with.
const localPC = 0

// nesting is what is open at a place of a function.
type nesting struct {
	loops []bool // which blocks of WebAssembly are loops, the function itself first

	last     int   // of loops, the last that is a loop
	bare     bool  // nothing but blocks has begun since
	begins   []int // of loops, that which ends where a basic block begins, by its number; nil: no dispatch yet
	dispatch int   // of loops, that with the dispatch
	standing int   // how many of loops have been open since the dispatch
}

// index returns which of loops a branch is to.
func (n *nesting) index(r *reader, depth uint64) int {
	if depth >= uint64(len(n.loops)) {
		r.fail("a branch out of its function")
	}
	return len(n.loops) - 1 - int(depth)
}

// back reports whether a branch is one back.
func (n *nesting) back(r *reader, depth uint64) bool { return n.loops[n.index(r, depth)] }

// begin and end are for a block of WebAssembly.
func (n *nesting) begin(op byte) {
	if op == opLoop {
		n.last, n.bare = len(n.loops), true
	}
	n.loops = append(n.loops, op == opLoop)
}

func (n *nesting) end() {
	n.loops = n.loops[:len(n.loops)-1]
	n.standing = min(n.standing, len(n.loops))
}

// table reads what branches a table has, and reports whether one is back. It is the
// dispatch if it is the first thing in a loop.
func (n *nesting) table(r *reader, byPC bool) (back bool) {
	var begins []int
	for range r.uint() {
		begins = append(begins, n.index(r, r.uint()))
	}
	for _, i := range append(begins, n.index(r, r.uint())) {
		back = back || n.loops[i]
	}
	if byPC && n.bare && n.begins == nil {
		n.begins, n.dispatch, n.standing = begins, n.last, len(n.loops)
	}
	return back
}

// shortcut returns the branch that does what a jump back to the dispatch does, if
// there is one.
func (n *nesting) shortcut(r *reader, to, depth uint64) (branch uint64, ok bool) {
	if n.begins == nil || n.index(r, depth) != n.dispatch || to >= uint64(len(n.begins)) || n.begins[to] >= n.standing {
		return 0, false
	}
	return uint64(len(n.loops) - 1 - n.begins[to]), true
}

// jump reads, after the instruction for a constant, a jump to a basic block. If what
// follows is none, it reads nothing. A constant that is negative, and so read as
// something else, is the number of none.
func (r *reader) jump() (to, depth uint64, ok bool) {
	ahead := *r
	to = ahead.uint()
	if ahead.byte() != opLocalSet || ahead.uint() != localPC || ahead.byte() != opBr {
		return 0, 0, false
	}
	depth = ahead.uint()
	*r = ahead
	return to, depth, true
}

// function appends the body of a function, which jumps forward at once and yields
// before it jumps back.
func (y *yields) function(out []byte, r reader) []byte {
	whole := r.rest
	taken := func() int { return len(whole) - len(r.rest) }
	for range r.uint() { // local variables
		r.uint()
		r.byte()
	}
	n := nesting{loops: []bool{false}}
	copied, byPC := 0, false
	for len(n.loops) > 0 {
		at, op := taken(), r.byte()
		back, pushesPC := false, false
		switch op {
		case opBlock, opLoop, opIf:
			n.begin(op)
			r.uint()
		case opEnd:
			n.end()
		case opBr, opBrIf:
			back = n.back(&r, r.uint())
		case opBrTable:
			back = n.table(&r, byPC)
		case opLocalGet:
			pushesPC = r.uint() == localPC
		case opI32Const:
			to, depth, ok := r.jump()
			if !ok {
				r.uint()
				break
			}
			if branch, ok := n.shortcut(&r, to, depth); ok {
				out = binary.AppendUvarint(append(append(out, whole[copied:at]...), opBr), branch)
				copied = taken()
				break
			}
			back = n.back(&r, depth)
		default:
			r.skip(op)
		}
		n.bare = n.bare && (op == opLoop || op == opBlock || pushesPC)
		byPC = pushesPC
		if back {
			out = append(append(out, whole[copied:at]...), y.check...)
			copied = at
		}
	}
	return append(out, whole[copied:]...)
}
