package kafka

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

// awaitTopics returns when all topics exist. Joining the group before would work too, but nobody would see what is waited for.
func (s *Source) awaitTopics(ctx context.Context) error {
	s.health.left(errJoining)
	cl, err := s.cfg.client(kgo.WithHooks(s.health))
	if err != nil {
		return err
	}
	defer cl.Close()
	for n := 1; ; n++ {
		missing, err := missingTopics(ctx, cl, s.source.Topics)
		switch {
		case err == nil && len(missing) == 0:
			s.health.left(errJoining)
			return nil
		case err == nil:
			s.health.left(fmt.Errorf("topics don't exist yet: %s", strings.Join(missing, ", ")))
		case ctx.Err() == nil:
			s.health.left(err)
		}
		if !pause(ctx, n) {
			return ctx.Err()
		}
	}
}

func missingTopics(ctx context.Context, cl *kgo.Client, topics []string) ([]string, error) {
	details, err := kadm.NewClient(cl).ListTopics(ctx, topics...)
	if err != nil {
		return nil, fmt.Errorf("look for topics: %w", err)
	}
	var missing []string
	for _, d := range details {
		switch {
		case errors.Is(d.Err, kerr.UnknownTopicOrPartition):
			missing = append(missing, d.Topic)
		case d.Err != nil:
			return nil, fmt.Errorf("look for topic %s: %w", d.Topic, d.Err)
		}
	}
	slices.Sort(missing)
	return missing, nil
}
