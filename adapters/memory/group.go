package memory

import (
	"slices"

	"github.com/tenon-go/tenon/application/projection"
)

// group shares partitions among its members. Its fields are guarded by the broker's mutex.
type group struct {
	members    []*Source
	rebalanced chan struct{} // closed when who has what may have changed
}

func (b *Broker) join(s *Source) {
	b.mu.Lock()
	defer b.mu.Unlock()
	g := b.groups[s.group]
	if g == nil {
		g = &group{rebalanced: make(chan struct{})}
		b.groups[s.group] = g
	}
	g.members = append(g.members, s)
	g.rebalance()
}

func (b *Broker) leave(s *Source) {
	b.mu.Lock()
	defer b.mu.Unlock()
	g := b.groups[s.group]
	g.members = slices.DeleteFunc(g.members, func(m *Source) bool { return m == s })
	g.rebalance()
}

// rebalance makes all groups look at their topics again. The caller holds the mutex.
func (b *Broker) rebalance() {
	for _, g := range b.groups {
		g.rebalance()
	}
}

func (g *group) rebalance() {
	close(g.rebalanced)
	g.rebalanced = make(chan struct{})
}

// assignment returns the member's partitions, and a channel that closes when to ask again. Partitions go round the members
// that read the topic.
func (b *Broker) assignment(s *Source) (partitions []projection.Partition, rebalanced <-chan struct{}) {
	b.mu.Lock()
	defer b.mu.Unlock()
	g := b.groups[s.group]
	for _, name := range s.topics {
		var readers []*Source
		for _, m := range g.members {
			if slices.Contains(m.topics, name) {
				readers = append(readers, m)
			}
		}
		t := b.topic(name)
		for n := range t.partitions {
			if readers[n%len(readers)] == s {
				partitions = append(partitions, projection.Partition{Topic: name, ID: t.id, Number: int32(n)})
			}
		}
	}
	return partitions, g.rebalanced
}
