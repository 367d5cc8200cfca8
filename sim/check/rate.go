package check

import "time"

// Windows in which control frames are counted, and how many updates a node can
// flood in one.
const (
	stormWindow = time.Second
	// stormUpdates: a change is told 100 ms after it happened, together with
	// all that happen until then, and the handshake adds a few.
	stormUpdates = 12
	idleWindow   = updated
	// idleUpdates: one, and what of the round before falls into the window.
	idleUpdates = 2
	// idleSummaries are those of one end of a link in a window: one every 2 s if its
	// node has a UDP-like link, and what of the round before falls into the window.
	idleSummaries = 6
)

// Rate checks that the mesh does not drown in its own control traffic: each
// update crosses each link at most once in each direction, and so does each
// advertisement. A quiet mesh repeats its advertisements, and says by summaries
// what it knows. Beyond that it sends nothing, and no update at all, unless links
// lose frames, or there are deployed nodes: then one update per node every 10 s at
// most.
type Rate struct {
	mesh   Size
	quiet  func() bool
	report Report
	floods bool
	flood  int // the most frames that one update of every node and one advertisement of every service make

	storm, idle window
}

// Size is what the control traffic of a mesh depends on.
type Size struct {
	Nodes, Links int
	Services     int  // that are advertised
	Lossy        bool // links lose frames, so something may have to be sent anew even while nothing happens
}

// window counts frames in consecutive spans of time.
type window struct {
	length time.Duration
	index  int64
	count  int
}

// add counts one more, and reports whether it is the first of its span.
func (w *window) add(now time.Duration) (first bool) {
	if index := int64(now / w.length); index != w.index {
		w.index, w.count = index, 0
	}
	w.count++
	return w.count == 1
}

// NewRate returns the checker of a mesh; quiet tells whether nothing has disturbed
// it for the bound. It waits for the first Redrawn.
func NewRate(mesh Size, quiet func() bool, report Report) *Rate {
	return &Rate{
		mesh: mesh, quiet: quiet, report: report, flood: mesh.ends() * (mesh.Nodes + 1 + mesh.Services),
		storm: window{length: stormWindow, index: -1}, idle: window{length: idleWindow, index: -1},
	}
}

func (m Size) ends() int { return 2 * m.Links }

// Redrawn tells whether updates belong to a quiet mesh from now on: there are deployed
// nodes, or links of which one end begins the handshake, which the other then refuses.
func (r *Rate) Redrawn(floods bool) { r.floods = floods || r.mesh.Lossy }

// resting returns the most frames in a window while the mesh is quiet.
func (r *Rate) resting() int {
	if r.floods {
		return r.mesh.ends()*idleSummaries + idleUpdates*r.flood
	}
	return r.mesh.ends() * (idleSummaries + r.mesh.Services)
}

// Control tells that a node has sent a control frame, which may be a routing update.
func (r *Rate) Control(now time.Duration, node string, update bool) {
	r.storm.add(now)
	if most := stormUpdates * r.flood; r.storm.count > most {
		// Again for every further frame: a storm that grows would never end.
		r.report(now, "", RuleTraffic, "a storm: more than %d control frames in %v", most, stormWindow)
	}
	if r.idle.add(now) && !r.quiet() {
		// A span that began before the mesh was quiet does not count.
		r.idle.count = -1 << 62
	}
	if most := r.resting(); r.idle.count == most+1 && r.quiet() {
		r.report(now, "", RuleTraffic, "more than %d control frames in %v, although the mesh has been quiet", most, idleWindow)
	}
	if update && !r.floods && r.quiet() {
		r.report(now, node, RuleTraffic, "it sends a routing update, although the mesh has been quiet, and every link and node tells by summaries what is known")
	}
}
