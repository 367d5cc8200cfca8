package check

import (
	"math"
	"time"

	"receptor/transport"
)

// Times of the protocol that the convergence bound is made of. They are stated
// here anew rather than taken from the node, which must keep to them.
const (
	// coalesced is how long a node gathers changes before it floods an update,
	// and again before it computes its routes (PROTOCOL section 2.2).
	coalesced = 100 * time.Millisecond
	// handshaken is how long a handshake takes when no frame is lost: the
	// second update of one end at the latest (PROTOCOL section 2.3).
	handshaken = time.Second
	// handshakeLimit is when a handshake is given up.
	handshakeLimit = 11 * time.Second
	// idleNoticed is how long a silent link lives: 21 s, looked at every 5 s,
	// and what arrived last counts from the next look (PROTOCOL section 1).
	idleNoticed = 30 * time.Second
	// updated is how often a node repeats its update where there are deployed
	// nodes: what loss has destroyed is repaired by the next one that gets through.
	updated = 10 * time.Second
	// repaired is how long it takes until two summaries in a row have told a peer
	// what a node does not know: they come every 10 s (PROTOCOL section 2.5); and
	// repairedLossy is that over UDP-like links, where they come every 2 s.
	repaired      = 20 * time.Second
	repairedLossy = 4 * time.Second
	// forgotten is how long the record of a departed node is kept.
	forgotten = time.Minute
)

// unclear is the bound when nothing can be claimed: longer than any run.
const unclear = 1000 * 24 * time.Hour

// missed is the probability with which the bound may fail under random loss:
// the quantile is 1 - missed.
const missed = 1e-6

// Conditions are what the convergence bound depends on besides the graph.
type Conditions struct {
	// Broken is how long a TCP-like link lives on a dead wire, and how long a
	// dial on one takes to fail.
	Broken time.Duration
	// Down is set when some wire carries nothing.
	Down bool
	// Redial is set when a link may have to be dialled again: its wire has been
	// down, or it loses frames.
	Redial bool
	// Silent is set when the death of a link may show by its silence alone: it is
	// UDP-like, or has been clogged, or its peer paused.
	Silent bool
	// Unclear is set while it cannot be said which links are alive: a node is too
	// slow, or two share an ID; or what has become of it where there are deployed
	// nodes and Disputed is set: they ignore a node whose epoch is not newer for
	// as long as it runs, and leave when anybody tells them to.
	Unclear bool
	// Disputed is set when two nodes have had one ID, or one has started again
	// with an epoch that is not newer: records are revoked when summaries differ.
	Disputed bool
	// Drift is the most that any clock drifts, either way.
	Drift float64
	// Loss is the greatest loss of a UDP-like link; what TCP-like links lose
	// is part of the delay of their edges.
	Loss float64
	// Burst is the greatest number of frames that a UDP-like link loses in a row,
	// on average; 0: each by itself.
	Burst float64
	// Departures is set when nodes are cut off, or have been.
	Departures bool
	// Deployed is set when there are nodes that speak as deployed ones do.
	Deployed bool
}

// Bound returns how long after the last disturbance every database and route
// must be right:
//
//	[notice +] [redial +] handshake + 2 floods + routes [+ revoked] [+ departed] [+ round] [+ repair]
//
//	notice     if a link may be dead: Broken, or where only silence shows
//	           it, 30 s; twice if what one end says of it may be lost
//	redial     if a link must be dialled anew: 2 x 20 s, the longest pause
//	           between two dials, or 2 x 60 s where a node may have been refused
//	           for long because another had its ID; twice, since the far end may refuse the first
//	           while it still holds the old link; and Broken for a dial that
//	           was under way on the dead wire; and 20 s until what one end said
//	           of a link that did not come up is contradicted, or what did not
//	           fit a wire has been sent again
//	handshake  1 s + 3 T; if UDP-like links lose frames 11 s
//	flood      100 ms until the update is sent, T until it is everywhere; two,
//	           since the exchange on a new link may cross with a change
//	routes     100 ms
//	revoked    2 x 20 s, if records may be of a node that has left: they are
//	           contradicted when summaries differ, and so may be what contradicts
//	departed   60 s until an unreachable node is forgotten, twice, since one
//	           that has forgotten may be told anew on a link that comes up
//	round      10 s + T if there are deployed nodes: on a link that comes up they
//	           tell nothing of others, and an update of one node makes them edit
//	           the records of others, so that an old one that was still under way
//	           may spoil what a newer one had put right. Once all links and all
//	           lists are final, the next update of every node settles it
//	repair     4 s x F: what a link has lost is sent again after two summaries, of
//	           which each may be lost, too, so it crosses with probability
//	           (1-Loss)^3 each time. F is how often that fails, on a path of H
//	           links together, in all but one of a million cases with N nodes: the
//	           quantile 1 - 1e-6 / N^2 of the negative binomial distribution
//	           Where losses come in bursts, times ceil(1 + Burst): each round sends
//	           some three frames over a link
//	           Where there are deployed nodes at least 10 s x ceil(log(1e-6 / N^2) /
//	           log(1 - (1-Loss)^H)): updates are repeated every 10 s, and one gets
//	           through all links with probability (1-Loss)^H; with bursts times
//	           ceil(1 + 3 x Burst / N), since each round sends N updates over a link
//
// Clocks that drift stretch it by 1/(1-Drift).
//
// T is the time in which a frame crosses the mesh, H the number of links it
// crosses then: twice what lies between one node and the farthest from it, an
// upper bound of the diameter, the largest of any component.
func (p *Paths) Bound(c Conditions) time.Duration {
	if c.Unclear {
		return unclear
	}
	t, h := p.g.diameter()
	bound := handshaken + 3*t + 2*(coalesced+t) + coalesced
	if c.Down || c.Redial {
		bound += c.notice()
	}
	if c.Redial {
		pause := transport.RedialMax
		if c.Disputed {
			pause = transport.RefusedMax
		}
		bound += 2*pause + c.Broken + repaired
	}
	if c.Disputed {
		bound += 2 * repaired
	}
	if c.Departures {
		bound += 2 * forgotten
	}
	if c.Deployed {
		bound += updated + t
	}
	if c.Loss > 0 {
		bound += handshakeLimit + c.repair(float64(len(p.g.ids)), h)
	}
	return time.Duration(float64(bound) / (1 - c.Drift))
}

// repair is that of Bound, for n nodes.
func (c Conditions) repair(n float64, links int) time.Duration {
	fails := failures(links, math.Pow(1-c.Loss, 3), missed/(n*n))
	d := repairedLossy * time.Duration(fails*math.Ceil(1+c.Burst))
	if c.Deployed {
		through := math.Pow(1-c.Loss, float64(links))
		rounds := math.Ceil(math.Log(missed/(n*n)) / math.Log1p(-through))
		d = max(d, updated*time.Duration(rounds*math.Ceil(1+3*c.Burst/n)))
	}
	return d
}

// failures returns how many tries fail before so many have succeeded, each with
// the same probability, and there are more with a probability below missed.
func failures(successes int, probability, missed float64) float64 {
	n, k := float64(successes), 0.0
	for p := n * math.Log(probability); ; k++ { // of k failures
		next := (k + n) / (k + 1) * (1 - probability) // as often is one more, and falling
		if p += math.Log(next); next < 1 && p-math.Log1p(-next) <= math.Log(missed) {
			return k
		}
	}
}

func (c Conditions) notice() time.Duration {
	if c.Silent {
		if c.Loss > 0 {
			return max(c.Broken, 2*idleNoticed)
		}
		return max(c.Broken, idleNoticed)
	}
	return c.Broken
}

// Crossing returns T of Bound.
func (p *Paths) Crossing() time.Duration {
	t, _ := p.g.diameter()
	return t
}

// diameter returns upper bounds of the time in which a frame crosses the mesh
// and of the number of links it crosses: the largest of any component.
func (g *Graph) diameter() (t time.Duration, hops int) {
	seen := make([]bool, len(g.ids))
	for i := range g.ids {
		if seen[i] {
			continue
		}
		delays, _ := g.leastCosts(i, byDelay)
		links, _ := g.leastCosts(i, byLinks)
		for k, d := range delays {
			if !math.IsInf(d, 1) {
				seen[k] = true
				t = max(t, 2*time.Duration(d))
				hops = max(hops, 2*int(links[k]))
			}
		}
	}
	return t, hops
}
