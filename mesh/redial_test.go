package mesh

import (
	"math/rand/v2"
	"testing"
	"time"

	"receptor/transport"
	"receptor/transport/transporttest"
)

// dialled is a link that a node dials again and again.
type dialled struct {
	at   []time.Duration // of each attempt, since the first
	down bool            // nothing answers
	last *transporttest.Link
}

// told is a receiver that also tells the redialer.
type told struct {
	transport.Receiver
	ended func(transport.Outcome)
}

func (r told) Closed(err error) {
	r.Receiver.Closed(err)
	r.ended(transport.OutcomeOf(r.Receiver))
}

// dial lets a node dial another one, whose terms are looked at each time.
func (n *testNet) dial(from, to string, terms *LinkOptions) *dialled {
	d := &dialled{}
	start := n.clock.Now()
	transport.NewRedialer(n.clock, rand.New(rand.NewPCG(1, 1)), func(ended func(transport.Outcome)) {
		d.at = append(d.at, n.clock.Now().Sub(start))
		if d.down {
			ended(transport.Failed)
			return
		}
		d.last, _ = transporttest.Pipe(n.clock, testDelay,
			func(l transport.Link) transport.Receiver {
				return told{n.nodes[from].Attach(l, LinkOptions{Cost: 1}), ended}
			},
			func(l transport.Link) transport.Receiver { return n.nodes[to].Attach(l, *terms) })
	}).Start()
	return d
}

// since returns how many attempts there were from some moment on, and the longest
// pause before one of them.
func (d *dialled) since(from time.Duration) (attempts int, longest time.Duration) {
	for i, at := range d.at {
		if at >= from {
			attempts++
			if i > 0 {
				longest = max(longest, at-d.at[i-1])
			}
		}
	}
	return attempts, longest
}

// A node that is refused dials ever more rarely, up to once a minute, and gets in when
// it is allowed to. The link that it has with another node comes back at once meanwhile.
func TestRefusedLinksAreDialledRarely(t *testing.T) {
	for name, terms := range map[string]LinkOptions{
		"not allowed": {Cost: 1, AllowedPeers: []string{"z"}}, "cost": {Cost: 2},
	} {
		n := newNet(t, "a", "b", "c")
		refused := n.dial("a", "b", &terms)
		other := n.dial("a", "c", &LinkOptions{Cost: 1})
		n.advance(5 * time.Second)
		if attempts, _ := refused.since(0); attempts < 3 {
			t.Errorf("%s: %d attempts in 5 s: want the first pauses short", name, attempts)
		}
		n.advance(10 * time.Minute)
		if attempts, longest := refused.since(5 * time.Minute); attempts > 7 || longest > transport.RefusedMax+time.Second {
			t.Errorf("%s: %d attempts in 5 min, with pauses of up to %v: want one a minute", name, attempts, longest)
		}
		other.last.Close()
		n.advance(3 * time.Second)
		n.wantRoutes("a", map[string]string{"c": "c"})
		terms = LinkOptions{Cost: 1}
		n.advance(transport.RefusedMax + time.Second)
		n.wantRoutes("a", map[string]string{"b": "b", "c": "c"})
		before := len(refused.at)
		refused.last.Close()
		n.advance(transport.RedialMin + 100*time.Millisecond)
		if len(refused.at) != before+1 {
			t.Errorf("%s: a link that was accepted is not dialled again after a second", name)
		}
	}
}

// What a node with the ID of another is told: among ours a reject says why.
func TestRejectSaysWhy(t *testing.T) {
	n := newNet(t, "a", "b")
	n.dial("a", "b", &LinkOptions{Cost: 1, AllowedPeers: []string{"z"}})
	n.advance(500 * time.Millisecond)
	const want = `the peer rejected the link: it says of this node: "it is not in the allowed peers list: name it in allowedpeers if it is to be let in"`
	if got := last[LinkFailed](t, n.events["a"]).Err; got.Error() != want {
		t.Errorf("the link has failed: %v, want: %s", got, want)
	}
}

// A peer that is down, or rejects without a reason as deployed ones do, is dialled as
// often as ever.
func TestLinksThatAreNotRefusedAreDialledAsBefore(t *testing.T) {
	n := newNet(t, "a", "b")
	d := n.dial("a", "b", &LinkOptions{Cost: 1, AllowedPeers: []string{"z"}})
	n.advance(10 * time.Minute)
	d.down = true
	n.advance(10 * time.Minute)
	if attempts, longest := d.since(12 * time.Minute); attempts < 20 || longest > transport.RedialMax {
		t.Errorf("a peer that is down is dialled %d times in 8 min, with pauses of up to %v: want %v at most", attempts, longest, transport.RedialMax)
	}
}
