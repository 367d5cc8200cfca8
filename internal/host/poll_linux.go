package host

import (
	"os"
	"time"
)

// pollEvery is how often units are looked at that inotify tells nothing of. Their
// ends are told at once all the same.
const pollEvery = time.Second

// poll has a unit looked at from time to time, until it has its watches: what a
// unit is to do does not hang on them. It requires mu.
func (n *notifier) poll(w *unitWatch, err error) {
	n.polled[w] = true
	if n.closed() {
		return
	}
	if !n.scarce {
		n.scarce = true
		n.log("Units of work run, but their news and output may come %v late until inotify can be had: %v", n.every, err)
	}
	if n.polling {
		return
	}
	n.polling = true
	n.running.Add(1)
	go n.runPolls()
}

// watches is called when there is another watch. It requires mu.
func (n *notifier) watches() {
	if n.scarce {
		n.scarce = false
		n.log("News of units of work come by inotify again")
	}
}

func (n *notifier) runPolls() {
	defer n.running.Done()
	ticker := time.NewTicker(n.every)
	defer ticker.Stop()
	for {
		select {
		case <-n.closing:
			return
		case <-ticker.C:
		}
		found, more := n.look()
		found.tell()
		if !more {
			return
		}
	}
}

// look returns what has changed of the units that are polled, and whether there
// are any more. Those that get their watches now are looked at for the last time.
func (n *notifier) look() (found *changes, more bool) {
	found = &changes{of: make(map[*unitWatch]change)}
	n.mu.Lock()
	defer n.mu.Unlock()
	for w := range n.polled {
		_ = w.watch() // if its directory is gone it is so soon
		found.note(w, change{output: w.reads, status: w.foreign || w.changed(), lost: !w.foreign})
	}
	n.polling = len(n.polled) > 0
	return found, n.polling
}

// changed tells whether a file of the unit was made or renamed, or its directory
// touched, since it was asked last. It requires the notifier's mu.
func (w *unitWatch) changed() bool {
	info, err := os.Stat(w.dir)
	if err != nil || info.ModTime().Equal(w.seen) {
		return false
	}
	w.seen = info.ModTime()
	return true
}
