package stats

import "time"

// SeriesName names one of the counts over time.
type SeriesName int

// Counts over time.
const (
	SeriesControl    SeriesName = iota // bytes of control frames that nodes sent
	SeriesDelivered                    // datagrams of the workload
	SeriesLost                         // datagrams of the workload
	SeriesAnswered                     // pings of the workload
	SeriesUnanswered                   // pings of the workload
	seriesNames
)

// A series begins with slots of minSlot; when maxSlots are used up, each two
// become one.
const (
	minSlot  = 100 * time.Millisecond
	maxSlots = 600
)

// Series is counts over time, in slots of equal length from time 0.
type Series struct {
	// Slot is the length of one.
	Slot time.Duration
	// Counts has as many slots for each name; the last may have been cut short.
	Counts [seriesNames][]uint64
}

func newSeries() Series {
	s := Series{Slot: minSlot}
	s.grow(1)
	return s
}

func (s *Series) add(now time.Duration, name SeriesName, n int) {
	i := int(now / s.Slot)
	for i >= maxSlots {
		s.halve()
		i = int(now / s.Slot)
	}
	if i >= len(s.Counts[name]) {
		s.grow(i + 1)
	}
	s.Counts[name][i] += uint64(n)
}

func (s *Series) grow(slots int) {
	for name := range s.Counts {
		s.Counts[name] = append(s.Counts[name], make([]uint64, slots-len(s.Counts[name]))...)
	}
}

func (s *Series) halve() {
	s.Slot *= 2
	for name, counts := range s.Counts {
		for i, n := range counts {
			if i%2 == 0 {
				counts[i/2] = n
			} else {
				counts[i/2] += n
			}
		}
		s.Counts[name] = counts[:(len(counts)+1)/2]
	}
}
