package main

import (
	"testing"
	"time"
)

// QUIC alone, without a mesh: MB/s is what counts.
func BenchmarkQUICAlone(b *testing.B) {
	for b.Loop() {
		rate, err := quicAlone(b.Context(), time.Second)
		if err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(rate/1e6, "MB/s")
	}
}
