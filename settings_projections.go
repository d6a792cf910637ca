package tenon

import "github.com/tenon-go/tenon/application/relaying"

// What TENON_PROJECTIONS_SOURCE may be.
const (
	sourceKafka = "kafka"
	sourceLog   = "log"
)

func projectionSettings() []setting {
	return []setting{
		{
			Setting{
				"TENON_PROJECTIONS_SOURCE", sourceKafka, "kafka; log: read models are fed from PostgreSQL's log itself, without Kafka", false,
				oneOf(sourceKafka, sourceLog),
			},
			func(c *Config, v string) error { c.Projections = v; return nil },
		},
		number("TENON_PROJECTIONS_LANES", "2", "readers of the log that feed a read model side by side, 1 to 64, when it begins at the log's beginning",
			1, relaying.MaxLanes, func(c *Config, n int) { c.ProjectionLanes = n }),
	}
}
