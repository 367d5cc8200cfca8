package transport

import "sync"

// Runner is a link in the hands of its backend.
type Runner interface {
	Link
	// Run delivers frames until the link has ended, tells the receiver so, and
	// returns. It is called once.
	Run(Receiver)
}

// LinkSet holds the goroutines and links of a backend, so that closing it ends
// them. Its zero value is empty; its methods may be called from any goroutine.
type LinkSet struct {
	wait sync.WaitGroup

	mu     sync.Mutex
	closed bool
	links  map[Link]struct{}
}

// Go runs f in a goroutine that Close waits for. It reports false, and runs
// nothing, once the set is closed.
func (s *LinkSet) Go(f func()) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return false
	}
	s.wait.Go(f)
	return true
}

// Run runs a link in a goroutine of its own until it ends, and then calls
// ended with what had received its frames. Once the set is closed it ends the link instead, before it returns.
func (s *LinkSet) Run(l Runner, accept Acceptor, ended func(Receiver)) {
	run := func() {
		r := accept(l)
		l.Run(r)
		s.remove(l)
		ended(r)
	}
	if !s.start(l, run) {
		l.Close()
		l.Run(discard{})
	}
}

func (s *LinkSet) start(l Link, run func()) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return false
	}
	if s.links == nil {
		s.links = make(map[Link]struct{})
	}
	s.links[l] = struct{}{}
	s.wait.Go(run)
	return true
}

func (s *LinkSet) remove(l Link) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.links, l)
}

// Close starts no more goroutines, closes the links, and returns once all have
// ended.
func (s *LinkSet) Close() {
	s.mu.Lock()
	s.closed = true
	for l := range s.links {
		l.Close()
	}
	s.mu.Unlock()
	s.wait.Wait()
}

// discard is the receiver of a link that nobody wants any more.
type discard struct{}

func (discard) Receive([]byte) {}
func (discard) Closed(error)   {}
