package stats

import (
	"math"
	"slices"
)

// Distribution describes a set of numbers; all zero when there are none.
type Distribution struct {
	Count  int     `json:"count"`
	Median float64 `json:"median"`
	P95    float64 `json:"p95"`
	Max    float64 `json:"max"`
}

// Describe returns the distribution of values, and sorts them. A quantile is
// one of the values: the least that so large a part of them do not exceed.
func Describe(values []float64) Distribution {
	if len(values) == 0 {
		return Distribution{}
	}
	slices.Sort(values)
	return Distribution{
		Count: len(values), Median: quantile(values, 0.5), P95: quantile(values, 0.95), Max: values[len(values)-1],
	}
}

func quantile(sorted []float64, q float64) float64 {
	rank := int(math.Ceil(q * float64(len(sorted))))
	return sorted[max(rank, 1)-1]
}
