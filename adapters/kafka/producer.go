package kafka

import (
	"context"
	"net"
	"time"

	"github.com/IBM/sarama"
)

// producerConfig returns Sarama's settings for a [Publisher]: idempotent, acknowledged by all in-sync replicas, up to 5 ms or
// 16 KiB gathered for one request, keys on the partition where Java's default partitioner puts them.
//
// Sarama's idempotent producer has one request in flight per broker, not five: it keeps the order by not overlapping.
func producerConfig(cfg Config) *sarama.Config {
	c := sarama.NewConfig()
	c.ClientID = cfg.ClientID
	c.Version = sarama.V2_8_0_0
	c.Net.MaxOpenRequests = 1
	c.Net.DialTimeout = dialTimeout
	c.Net.Proxy.Enable = true
	c.Net.Proxy.Dialer = dialer{cfg}
	c.Net.ReadTimeout = 10 * time.Second
	c.Net.WriteTimeout = 10 * time.Second
	c.Metadata.Retry.Max = 1
	c.Metadata.Timeout = 5 * time.Second
	_, c.Producer.Compression, _ = cfg.Compression.codecs()
	c.Producer.Idempotent = true
	c.Producer.RequiredAcks = sarama.WaitForAll
	c.Producer.Timeout = 5 * time.Second
	c.Producer.Return.Successes = true
	c.Producer.Transaction.Retry.Max = 10 // attempts at a producer id, not only for transactions
	c.Producer.Retry.Max = 5
	c.Producer.Retry.Backoff = 200 * time.Millisecond
	c.Producer.Flush.Frequency = max(cfg.Linger, 0)
	if cfg.Linger > 0 {
		c.Producer.Flush.Bytes = 16 << 10 // without a frequency nothing would be sent before it is reached
	}
	c.Producer.Partitioner = sarama.NewMurmur2Partitioner
	cfg.Security.sarama(c)
	return c
}

// dialer is a Config's Dial as Sarama takes it.
type dialer struct{ cfg Config }

// Dial connects within the deadline of all dials here.
func (d dialer) Dial(network, address string) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(context.Background(), dialTimeout)
	defer cancel()
	return d.cfg.Security.dial(d.cfg.Dial)(ctx, network, address)
}
