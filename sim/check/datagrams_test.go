package check

import (
	"testing"
	"time"

	"receptor/mesh/wire"
)

// journey moves one datagram about.
type journey struct {
	recorder
	*Datagrams
	now    time.Duration
	header wire.Header
}

func newJourney(t *testing.T, service string) *journey {
	j := &journey{recorder: recorder{T: t}}
	j.Datagrams = NewDatagrams([]string{"a", "b", "c"}, time.Minute, j.recorder.report)
	to, err := wire.ParseService(service)
	if err != nil {
		t.Fatal(err)
	}
	j.header = wire.Header{
		FromNode: wire.HashNode("a"), ToNode: wire.HashNode("c"), FromService: wire.Service{'x'}, ToService: to,
	}
	return j
}

func (j *journey) frame(hops byte) []byte {
	j.header.HopsToLive = hops
	return wire.AppendData(nil, j.header, AppendNumber(nil, 7))
}

func (j *journey) leaves(node int, hops byte)  { j.Leaves(j.now, node, j.frame(hops)) }
func (j *journey) arrives(node int, hops byte) { j.Arrives(j.now, node, j.frame(hops)) }

func TestDatagramOnItsWay(t *testing.T) {
	t.Parallel()
	j := newJourney(t, "ping")
	j.leaves(0, 29)
	j.arrives(1, 29)
	j.leaves(1, 28)
	j.arrives(2, 28)
	j.want()
	j.arrives(2, 28)
	j.want("arrives twice: a:x to c:ping")
	j.leaves(2, 27)
	j.want("sends a datagram on that has arrived already")
}

func TestDatagramMustLoseHops(t *testing.T) {
	t.Parallel()
	j := newJourney(t, "ping")
	j.leaves(0, 30)
	j.want("it sends a datagram with 30 hops to live, at most 29 are left")
	j.leaves(1, 30)
	j.want("at most 29 are left")
	j.leaves(2, 29)
	j.leaves(1, 28)
	j.want()
}

// What the workload sends starts with the hops that it says.
func TestDatagramOfTheWorkloadStartsWithItsHops(t *testing.T) {
	t.Parallel()
	j := newJourney(t, Service)
	j.Shipped(7, 0, 2, 1)
	j.leaves(0, 0)
	j.want()
	j.leaves(1, 255)
	j.want("255 hops to live, at most -1 are left")
}

func TestDatagramNobodySent(t *testing.T) {
	t.Parallel()
	j := newJourney(t, "ping")
	j.arrives(2, 5)
	j.want("that nobody sent")
	j.leaves(1, 5)
	j.want("passes on a datagram that it never received")
}

func TestDatagramsAreForgottenInTime(t *testing.T) {
	t.Parallel()
	j := newJourney(t, "ping")
	j.leaves(0, 29)
	j.now = time.Minute + time.Second
	j.header.FromService = wire.Service{'y'}
	j.leaves(0, 29)
	if len(j.flights) != 1 || len(j.order) != 1 {
		t.Errorf("%d flights are remembered, want the last one", len(j.flights))
	}
	j.want()
}

// Reports that datagrams have failed cannot be told apart.
func TestReportsOfFailureMayRepeat(t *testing.T) {
	t.Parallel()
	j := newJourney(t, "unreach")
	for range 2 {
		j.leaves(0, 29)
		j.arrives(2, 29)
	}
	j.want()
}

func TestDatagramIsGivenToItsAddressOnce(t *testing.T) {
	t.Parallel()
	j := newJourney(t, Service)
	j.Shipped(1, 0, 2, 30)
	j.Shipped(2, 0, 2, 30)
	j.Received(0, 2, 1, "a")
	j.want()
	if delivered, sent := j.Delivered(); delivered != 1 || sent != 2 {
		t.Errorf("%d of %d delivered, want 1 of 2", delivered, sent)
	}
	j.Received(0, 2, 1, "a")
	j.want("c: datagram: it was given datagram 1 from a twice")
	j.Received(0, 1, 2, "a")
	j.want("b: datagram: it was given datagram 2 from a, which a sent to c")
	j.Received(0, 2, 9, "a")
	j.want("datagram 9, which nobody sent")
}

func TestUnreadableDatagram(t *testing.T) {
	t.Parallel()
	j := newJourney(t, "ping")
	j.Leaves(0, 1, []byte{0, 1, 2})
	j.want("b: datagram: it sent a data frame that nobody can read")
}
