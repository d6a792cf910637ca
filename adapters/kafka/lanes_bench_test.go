package kafka_test

import (
	"bytes"
	"fmt"
	"testing"
)

func BenchmarkCommit(b *testing.B) {
	for _, records := range []int64{1, 100, 1000, 5000} {
		b.Run(fmt.Sprint(records), func(b *testing.B) {
			r := newLaneRig(b)
			s, _ := r.node(nil).take(0)
			batch := r.batch(0, 1, 1, records)
			for i := range batch.Records {
				batch.Records[i].Payload = bytes.Repeat([]byte("x"), 250)
			}
			for b.Loop() {
				batch.Progress.Batches++
				r.commit(s, batch)
			}
			b.ReportMetric(float64(records)*float64(b.N)/b.Elapsed().Seconds(), "records/s")
		})
	}
}
