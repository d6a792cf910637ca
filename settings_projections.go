package tenon

import (
	"time"

	"github.com/tenon-go/tenon/application/relaying"
)

// What TENON_PROJECTIONS_SOURCE may be.
const (
	sourceKafka = "kafka"
	sourceLog   = "log"
)

// What TENON_PROJECTIONS_UNKNOWN may be.
const (
	unknownPass = "pass"
	unknownPark = "park"
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
		{
			Setting{
				"TENON_PROJECTIONS_UNKNOWN", unknownPass, "what becomes of events of types that a projection doesn't handle and no context registers: pass: " +
					"counted and passed by, as those that are registered; park: parked with their aggregate's later ones", false, oneOf(unknownPass, unknownPark),
			},
			func(c *Config, v string) error { c.ParkUnknown = v == unknownPark; return nil },
		},
		duration("TENON_INBOX_KEEP", "336h", "how long ids of messages are remembered, so that one that comes again has no second effect; 0: for ever",
			func(c *Config, d time.Duration) { c.InboxKeep = d }),
		duration("TENON_APPLIED_KEEP", "0", "how long projections remember the last version of an aggregate of which nothing comes any more, for the same and "+
			"for reads with Tenon-Token; 0: for ever", func(c *Config, d time.Duration) { c.AppliedKeep = d }),
		number("TENON_PROJECTIONS_LANES", "2", "readers of the log that feed a read model side by side, 1 to 64, when it begins at the log's beginning",
			1, relaying.MaxLanes, func(c *Config, n int) { c.ProjectionLanes = n }),
		{
			Setting{
				"TENON_PROJECTIONS_REBUILD", "begin",
				"begin: a read model whose version in the program isn't the one in force is built beside it; refuse: it waits for `tenon projections rebuild`",
				false, oneOf("begin", "refuse"),
			},
			func(c *Config, v string) error { c.Rebuild = v == "begin"; return nil },
		},
	}
}
