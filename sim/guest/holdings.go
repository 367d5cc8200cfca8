package guest

import (
	"bytes"
	"context"
	"fmt"
	"regexp"
	"runtime/pprof"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"receptor/sim/eventlog"
	"receptor/sim/scenario"
	"receptor/work/vfs"
)

// lingering is how long after its end something of a daemon may be left: QUIC
// closes connections in seconds, and gives up on silent ones after 30 s.
const lingering = time.Minute

// lifeLabel is the label of goroutines that names the incarnation they belong
// to. A goroutine hands it on to those that it starts.
const lifeLabel = "life"

// holdings is what a daemon has been given and not given back.
type holdings struct {
	mu        sync.Mutex
	sockets   []*socket
	listeners []*socketListener
	files     []*heldFile
	timers    map[*heldTimer]bool
}

// name tells the incarnations of a run apart.
func (i *incarnation) name() string { return fmt.Sprintf("%s %d", i.machine.name, i.number) }

// own makes the calling goroutine, and all that it starts, one of this daemon.
func (i *incarnation) own() { pprof.SetGoroutineLabels(i.label) }

// labelled returns what makes goroutines those of this daemon.
func (i *incarnation) labelled() context.Context {
	return pprof.WithLabels(context.Background(), pprof.Labels(lifeLabel, i.name()))
}

// disown makes the calling goroutine one of no daemon.
func disown() { pprof.SetGoroutineLabels(context.Background()) }

// ownSocket, ownListener and their opposites keep the books.
func (h *holdings) ownSocket(s *socket) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.sockets = append(h.sockets, s)
	s.release = func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		h.sockets = slices.DeleteFunc(h.sockets, func(o *socket) bool { return o == s })
	}
}

func (h *holdings) ownListener(l *socketListener) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.listeners = append(h.listeners, l)
	l.release = func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		h.listeners = slices.DeleteFunc(h.listeners, func(o *socketListener) bool { return o == l })
	}
}

// closeSockets is what a kernel does when a process has ended.
func (h *holdings) closeSockets() {
	h.mu.Lock()
	listeners, sockets := slices.Clone(h.listeners), slices.Clone(h.sockets)
	h.mu.Unlock()
	for _, l := range listeners {
		l.Close()
	}
	for _, s := range sockets {
		s.Close()
	}
}

// heldFS keeps the books about open files.
type heldFS struct {
	vfs.FS
	holdings *holdings
}

// Open implements vfs.FS.
func (f heldFS) Open(name string, mode vfs.Mode) (vfs.File, error) {
	opened, err := f.FS.Open(name, mode)
	if err != nil {
		return nil, err
	}
	h := &heldFile{opened, name, f.holdings}
	f.holdings.mu.Lock()
	defer f.holdings.mu.Unlock()
	f.holdings.files = append(f.holdings.files, h)
	return h, nil
}

type heldFile struct {
	vfs.File
	name     string
	holdings *holdings
}

// Close implements io.Closer.
func (f *heldFile) Close() error {
	f.holdings.mu.Lock()
	f.holdings.files = slices.DeleteFunc(f.holdings.files, func(o *heldFile) bool { return o == f })
	f.holdings.mu.Unlock()
	return f.File.Close()
}

func (h *holdings) openFiles() (names []string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, f := range h.files {
		names = append(names, f.name)
	}
	return names
}

// left says what a daemon that has ended still has. goroutines are those that there
// are, by the name of their daemon.
func (i *incarnation) left(goroutines map[string][]string) (all []string) {
	i.holdings.mu.Lock()
	for _, s := range i.holdings.sockets {
		all = append(all, "a connection over "+s.name.String())
	}
	for _, l := range i.holdings.listeners {
		all = append(all, "a listener on "+l.name.String())
	}
	i.holdings.mu.Unlock()
	for _, name := range i.holdings.openFiles() {
		all = append(all, "the open file "+name)
	}
	for _, c := range i.machine.world.cables {
		for range c.heldBy(i) {
			all = append(all, "a connection over the link "+c.name)
		}
	}
	if i.machine.kind != scenario.KindDeployed { // whose model does not care
		all = append(all, i.holdings.pendingTimers()...)
	}
	return append(all, goroutines[i.name()]...)
}

// judgeLeft tells, when enough time has passed, what daemons have left.
func judgeLeft(lives ...*incarnation) {
	goroutines := goroutinesByLife()
	for _, i := range lives {
		for _, what := range i.left(goroutines) {
			i.machine.world.log.log(eventlog.Event{Kind: eventlog.Leak, Node: i.machine.name, Text: what})
		}
	}
}

// frameAddress is what a line of a profile has beside the names of functions.
var frameAddress = regexp.MustCompile(`(?m)^#\t0x[0-9a-f]+\t(\S+)\+0x[0-9a-f]+\s+(\S+)$`)

// lifeOf is the line of a profile with the label of goroutines.
var lifeOf = regexp.MustCompile(`(?m)^# labels: \{"` + lifeLabel + `":(".*")\}$`)

// goroutinesByLife returns the stacks of goroutines with a label, by that. It takes
// as long as there have ever been goroutines at one time.
func goroutinesByLife() map[string][]string {
	var profile bytes.Buffer
	if err := pprof.Lookup("goroutine").WriteTo(&profile, 1); err != nil {
		panic("guest: a buffer takes all: " + err.Error())
	}
	all := make(map[string][]string)
	for block := range strings.SplitSeq(profile.String(), "\n\n") {
		label := lifeOf.FindStringSubmatch(block)
		if label == nil {
			continue
		}
		life, err := strconv.Unquote(label[1])
		if err != nil {
			panic("guest: a profile with the label " + label[1])
		}
		count, _, _ := strings.Cut(block, " ")
		var stack []string
		for _, m := range frameAddress.FindAllStringSubmatch(block, -1) {
			stack = append(stack, m[1]+" "+m[2])
		}
		all[life] = append(all[life], count+" goroutines in "+strings.Join(stack, " < "))
	}
	return all
}
