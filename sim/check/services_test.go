package check

import (
	"testing"
	"time"
)

// market is a line a - b - c, and d alone, of nodes that know of services.
type market struct {
	recorder
	*Services
	in    Situation
	known [4][]Offer
}

var web = Offer{"a", "web"}

func newMarket(t *testing.T) *market {
	g := NewGraph([]string{"a", "b", "c", "d"})
	g.Link(0, 1, 1, 100*time.Millisecond)
	g.Link(1, 2, 1, 100*time.Millisecond)
	m := &market{recorder: recorder{T: t}, in: Situation{Paths: NewPaths(g)}}
	m.Services = NewServices(g.ids, m.recorder.report)
	return m
}

func (m *market) judge(now time.Duration) {
	m.Judge(now, m.in, func(i int) []Offer { return m.known[i] })
}

func (m *market) everybodyKnows(offers ...Offer) {
	for i := range m.known[:3] {
		m.known[i] = offers
	}
}

func TestServicesAreKnown(t *testing.T) {
	t.Parallel()
	m := newMarket(t)
	m.Offered(10*time.Second, web)
	m.judge(10*time.Second + m.in.FloodTime() - 1)
	m.want()
	m.judge(20 * time.Second)
	m.want("20.000000s a: service: it does not know of service web of a, which offers it since 10s", "s b: ", "s c: ")
	m.everybodyKnows(web)
	m.judge(20 * time.Second)
	m.want()
	m.known[1] = nil
	m.in.Repair = 10 * time.Second // it may have been lost
	m.judge(20 * time.Second)
	m.want()
	m.judge(21 * time.Second)
	m.want("21.000000s b: service: it does not know")
}

func TestServicesAreForgottenWhenWithdrawn(t *testing.T) {
	t.Parallel()
	m := newMarket(t)
	m.Offered(0, web)
	m.everybodyKnows(web)
	m.in.Quiet = 5 * time.Second
	m.Withdrawn(10*time.Second, web)
	m.judge(10 * time.Second)
	m.want()
	m.known[0] = nil
	m.judge(11 * time.Second)
	m.want("11.000000s b: service: it still knows of service web of a, which has withdrawn it at 10s", "s c: ")
	// Before the mesh was quiet the word of it may have been lost.
	m.in.Quiet = 11 * time.Second
	m.judge(12 * time.Second)
	m.want()
	m.judge(11*time.Second + advertised - time.Second)
	m.want()
	m.judge(11*time.Second + advertised + time.Second)
	m.want("s b: service: it still knows of service web of a, which is out of reach or does not offer it any more", "s c: ")
}

func TestServicesOutOfReach(t *testing.T) {
	t.Parallel()
	m := newMarket(t)
	m.Offered(0, web)
	m.everybodyKnows(web)
	m.known[3] = []Offer{web}
	m.judge(advertised)
	m.want()
	m.judge(advertised + time.Second)
	m.want("s d: service: it still knows of service web of a, which is out of reach")
}

func TestServicesThatNeverWere(t *testing.T) {
	t.Parallel()
	m := newMarket(t)
	m.known[2] = []Offer{{"b", "x"}, {"z", "y"}}
	m.judge(0)
	m.want("s c: service: it knows of service x of b, which never offered it", "service y of z, which never")
}

func TestNodesThatAreNotThereNeedNotKnow(t *testing.T) {
	t.Parallel()
	m := newMarket(t)
	m.in.Paths.g.Leave(3)
	m.known[3] = []Offer{web}
	m.judge(advertised + time.Minute)
	m.want()
}
