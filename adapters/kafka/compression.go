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

// codecs returns what the two clients call it; false for a name that there isn't.
func (c Compression) codecs() (kgo.CompressionCodec, sarama.CompressionCodec, bool) {
	switch c {
	case Uncompressed:
		return kgo.NoCompression(), sarama.CompressionNone, true
	case Gzip:
		return kgo.GzipCompression(), sarama.CompressionGZIP, true
	case Snappy:
		return kgo.SnappyCompression(), sarama.CompressionSnappy, true
	case LZ4:
		return kgo.Lz4Compression(), sarama.CompressionLZ4, true
	case Zstd:
		return kgo.ZstdCompression(), sarama.CompressionZSTD, true
	}
	return kgo.CompressionCodec{}, 0, false
}

func (c Compression) check() error {
	if _, _, ok := c.codecs(); !ok {
		return fmt.Errorf("kafka: Compression is %q, want none, gzip, snappy, lz4 or zstd", c)
	}
	return nil
}
