package kafka

import (
	"fmt"

	"github.com/IBM/sarama"
	"github.com/twmb/franz-go/pkg/kgo"
)

// Compression is how producers compress batches, by the names of Kafka's compression.type.
type Compression string

// Compressions. A batch that doesn't get smaller is sent as it is.
const (
	Uncompressed Compression = "none"
	Gzip         Compression = "gzip"
	Snappy       Compression = "snappy"
	LZ4          Compression = "lz4"
	Zstd         Compression = "zstd"
)

// codecs are what the two clients call a compression.
var codecs = map[Compression]struct {
	franz  kgo.CompressionCodec
	sarama sarama.CompressionCodec
}{
	Uncompressed: {kgo.NoCompression(), sarama.CompressionNone},
	Gzip:         {kgo.GzipCompression(), sarama.CompressionGZIP},
	Snappy:       {kgo.SnappyCompression(), sarama.CompressionSnappy},
	LZ4:          {kgo.Lz4Compression(), sarama.CompressionLZ4},
	Zstd:         {kgo.ZstdCompression(), sarama.CompressionZSTD},
}

func (c Compression) check() error {
	if _, ok := codecs[c]; !ok {
		return fmt.Errorf("kafka: Compression is %q, want none, gzip, snappy, lz4 or zstd", c)
	}
	return nil
}
