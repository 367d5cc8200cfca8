package daemon

import "sync"

// refusals are what the log has of dialled links that one of their ends refuses: each is
// dialled again and again until somebody has changed a configuration, and there is
// nothing new to say meanwhile. Its zero value is ready; its methods may be called from
// any goroutine.
type refusals struct {
	mu   sync.Mutex
	told map[string]string // the last line, by the name of the link
}

// isNew reports whether the log does not have this of a link.
func (r *refusals) isNew(link, line string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.told[link] == line {
		return false
	}
	if r.told == nil {
		r.told = make(map[string]string)
	}
	r.told[link] = line
	return true
}

// accepted is when a link is up.
func (r *refusals) accepted(link string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.told, link)
}

// forget lets the log have it all anew.
func (r *refusals) forget() {
	r.mu.Lock()
	defer r.mu.Unlock()
	clear(r.told)
}
