package receptor1

import (
	"context"
	"sync"
)

// job is what goes on about a unit in the background: one thing at a time.
type job struct {
	mu      sync.Mutex
	current *run
}

// run is one of them.
type run struct {
	job  *job
	ctx  context.Context
	stop context.CancelFunc
	over chan struct{} // closed by done
}

// begin begins another run. If one is under way it is ended first, or begin returns nil.
func (j *job) begin(ctx context.Context, instead bool) *run {
	for {
		j.mu.Lock()
		old := j.current
		if old == nil {
			r := &run{job: j, over: make(chan struct{})}
			r.ctx, r.stop = context.WithCancel(ctx)
			j.current = r
			j.mu.Unlock()
			return r
		}
		j.mu.Unlock()
		if !instead {
			return nil
		}
		old.stop()
		<-old.over
	}
}

// end ends what is under way.
func (j *job) end() {
	j.mu.Lock()
	old := j.current
	j.mu.Unlock()
	if old != nil {
		old.stop()
		<-old.over
	}
}

// done is the end of a run.
func (r *run) done() {
	r.stop()
	r.job.mu.Lock()
	r.job.current = nil
	r.job.mu.Unlock()
	close(r.over)
}
