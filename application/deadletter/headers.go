package deadletter

// TopicSuffix ends the name of the topic that gets a copy of each event that is parked.
const TopicSuffix = ".DLT"

// Headers of a copy, after all those of the original: three as text, then what Spring's tools read, the numbers big-endian.
const (
	HeaderError         = "error"
	HeaderOriginalTopic = "original-topic"
	HeaderFailedAt      = "failed-at" // RFC 3339, UTC

	HeaderSpringTopic     = "kafka_dlt-original-topic"
	HeaderSpringPartition = "kafka_dlt-original-partition" // int32
	HeaderSpringOffset    = "kafka_dlt-original-offset"    // int64
	HeaderSpringGroup     = "kafka_dlt-original-consumer-group"
	HeaderSpringMessage   = "kafka_dlt-exception-message"
	HeaderSpringStack     = "kafka_dlt-exception-stacktrace" // after a panic only
)
