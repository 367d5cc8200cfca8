package full

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// A guest that computes without end calls nobody, so nothing could stop it, nor
// could the host's garbage collector. wazero can look at the head of each loop
// whether it is to stop, which takes a third of a run, since functions of Go are
// loops in WebAssembly. So the guest is given a counter of the times that it jumps
// back (jumps.go), and yields to the host now and then.

// jumpsBetweenYields takes the guest tens of milliseconds, or less than one in a small loop.
const jumpsBetweenYields = 1 << 18

// Sections, types and instructions of WebAssembly, from its specification, 5.3 to 5.5.
const (
	sectionImport = 2
	sectionGlobal = 6
	sectionCode   = 10

	importFunction = 0x00

	typeI32, mutable = 0x7f, 0x01

	opBlock       = 0x02
	opLoop        = 0x03
	opIf          = 0x04
	opEnd         = 0x0b
	opBr          = 0x0c
	opBrIf        = 0x0d
	opBrTable     = 0x0e
	opCall        = 0x10
	opDrop        = 0x1a
	opSelectTyped = 0x1c
	opLocalGet    = 0x20
	opLocalSet    = 0x21
	opGlobalGet   = 0x23
	opGlobalSet   = 0x24
	opI32Const    = 0x41
	opF32Const    = 0x43
	opF64Const    = 0x44
	opI32Eqz      = 0x45
	opI32Sub      = 0x6b
	opPrefix      = 0xfc

	blockWithoutValue = 0x40
)

// integers is how many integers follow an instruction, by its opcode; -1 if there
// is none with it, or it is for the function skip to know.
var integers = func() (n [256]int) {
	for op := range n {
		switch {
		case op == opBrTable, op == opSelectTyped, op == opF32Const, op == opF64Const, op == opPrefix:
			n[op] = -1
		case op >= opBlock && op <= opIf, op == opBr, op == opBrIf, op == opCall, op >= 0x20 && op <= 0x26,
			op >= 0x3f && op <= 0x42, op == 0xd0, op == 0xd2:
			n[op] = 1
		case op == 0x11, op >= 0x28 && op <= 0x3e: // call_indirect, loads and stores
			n[op] = 2
		case op <= 0x05, op == opEnd, op == 0x0f, op == 0x1a, op == 0x1b, op >= 0x45 && op <= 0xc4, op == 0xd1:
			n[op] = 0
		default:
			n[op] = -1
		}
	}
	return n
}()

// prefixed is integers for those after opPrefix.
var prefixed = []int{0, 0, 0, 0, 0, 0, 0, 0, 2, 1, 2, 1, 2, 1, 2, 1, 1, 1}

// withYields returns a guest that calls sched_yield now and then, however it loops.
func withYields(guest []byte) (out []byte, err error) {
	const header = 8 // magic and version
	if len(guest) < header {
		return nil, errors.New("a guest without a header")
	}
	defer func() {
		if e, ok := recover().(malformed); ok {
			err = fmt.Errorf("what is no guest: %w", error(e.error))
		}
	}()
	out = append(make([]byte, 0, len(guest)+len(guest)/4), guest[:header]...)
	r := reader{rest: guest[header:]}
	var y yields
	for len(r.rest) > 0 {
		id := r.byte()
		body := r.bytes(r.uint())
		switch id {
		case sectionImport:
			y.findImports(reader{body})
		case sectionGlobal:
			body = y.addCounter(reader{body})
		case sectionCode:
			body = y.instrument(reader{body})
		}
		out = appendSized(append(out, id), body)
	}
	return out, nil
}

// yields are what makes a guest yield.
type yields struct {
	yield   uint64 // the number of the function that is called
	found   bool
	counter uint64 // the number of the global variable that counts
	check   []byte // instructions that count and yield
}

// findImports looks for the function that yields.
func (y *yields) findImports(r reader) {
	for n := range r.uint() {
		r.bytes(r.uint())
		name := r.bytes(r.uint())
		if r.byte() != importFunction {
			r.fail("import %d is no function, which Go has none of", n)
		}
		r.uint()
		if string(name) == "sched_yield" {
			y.yield, y.found = n, true
		}
	}
}

// addCounter adds a global variable.
func (y *yields) addCounter(r reader) []byte {
	if !y.found {
		r.fail("there is no import of sched_yield")
	}
	y.counter = r.uint()
	global := func(b []byte, op byte) []byte { return binary.AppendUvarint(append(b, op), y.counter) }
	start := appendSigned([]byte{opI32Const}, jumpsBetweenYields)

	c := append(global(nil, opGlobalGet), opI32Const, 1, opI32Sub)
	c = append(global(global(c, opGlobalSet), opGlobalGet), opI32Eqz, opIf, blockWithoutValue)
	c = global(append(c, start...), opGlobalSet)
	y.check = append(binary.AppendUvarint(append(c, opCall), y.yield), opDrop, opEnd)

	b := append(binary.AppendUvarint(nil, y.counter+1), r.rest...)
	return append(append(append(b, typeI32, mutable), start...), opEnd)
}

// instrument makes all functions yield.
func (y *yields) instrument(r reader) []byte {
	if y.check == nil {
		r.fail("there are no global variables before the code")
	}
	n := r.uint()
	out := binary.AppendUvarint(make([]byte, 0, len(r.rest)+len(r.rest)/4), n)
	var body []byte
	for range n {
		f := reader{r.bytes(r.uint())}
		body = y.function(body[:0], f)
		out = appendSized(out, body)
	}
	return out
}

// malformed is what a reader panics with.
type malformed struct{ error }

// reader reads what WebAssembly is made of, and panics when it is malformed.
type reader struct{ rest []byte }

func (*reader) fail(format string, args ...any) { panic(malformed{fmt.Errorf(format, args...)}) }

func (r *reader) bytes(n uint64) (b []byte) {
	if n > uint64(len(r.rest)) {
		r.fail("it ends early")
	}
	b, r.rest = r.rest[:n], r.rest[n:]
	return b
}

func (r *reader) byte() byte { return r.bytes(1)[0] }

// uint reads an integer. One that has a sign is read all the same, as something else.
func (r *reader) uint() (v uint64) {
	for shift := 0; ; shift += 7 {
		b := r.byte()
		v |= uint64(b&0x7f) << shift
		if b < 0x80 {
			return v
		}
	}
}

// skip reads what follows an instruction.
func (r *reader) skip(op byte) {
	n := integers[op]
	switch op {
	case opSelectTyped:
		r.bytes(r.uint())
		return
	case opF32Const:
		r.bytes(4)
		return
	case opF64Const:
		r.bytes(8)
		return
	case opPrefix:
		if second := r.uint(); second < uint64(len(prefixed)) {
			n = prefixed[second]
		}
	}
	if n < 0 {
		r.fail("instruction %#x, which is not known here", op)
	}
	for range n {
		r.uint()
	}
}

// appendSized appends the length of a part, and the part.
func appendSized(b, part []byte) []byte {
	return append(binary.AppendUvarint(b, uint64(len(part))), part...)
}

// appendSigned appends an integer that is not negative with a sign.
func appendSigned(b []byte, v uint64) []byte {
	const sign = 0x40
	for ; v >= sign; v >>= 7 {
		b = append(b, byte(v)|0x80)
	}
	return append(b, byte(v))
}
