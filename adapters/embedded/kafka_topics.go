package embedded

import (
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// createOnDemand creates missing topics that a client asks for and allows to be created. The broker
// could do so itself, but writes topics made that way to its directory only when it is stopped: after
// a kill they and their records would be gone.
func createOnDemand(cluster *kfake.Cluster, warn func(msg string, args ...any)) {
	cluster.ControlKey(int16(kmsg.Metadata), func(r kmsg.Request) (kmsg.Response, error, bool) {
		req, ok := r.(*kmsg.MetadataRequest)
		if !ok || !req.AllowAutoTopicCreation {
			return nil, nil, false
		}
		for _, topic := range req.Topics {
			if topic.Topic == nil || cluster.TopicInfo(*topic.Topic) != nil {
				continue
			}
			if err := cluster.CreateTopic(*topic.Topic, 0, nil); err != nil {
				warn("embedded Kafka: create topic on demand", "topic", *topic.Topic, "error", err)
			}
		}
		return nil, nil, false
	})
}
