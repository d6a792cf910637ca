package kafka

import "time"

// take removes the workers of the partitions; nobody feeds them any more.
func (m *member) take(partitions map[string][]int32) []*worker {
	m.mu.Lock()
	defer m.mu.Unlock()
	var taken []*worker
	for topic, numbers := range partitions {
		for _, number := range numbers {
			if w := m.workers[place{topic, number}]; w != nil {
				delete(m.workers, place{topic, number})
				taken = append(taken, w)
			}
		}
	}
	return taken
}

func (m *member) takeAll() []*worker {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.closed = true
	var taken []*worker
	for at, w := range m.workers {
		delete(m.workers, at)
		taken = append(taken, w)
	}
	return taken
}

// release stops workers and waits for them. Calls in hand have until grace is over; then their context ends. No grace: the
// partitions are somebody else's already.
func (m *member) release(workers []*worker, grace time.Duration) {
	if len(workers) == 0 {
		return
	}
	for _, w := range workers {
		w.stop()
	}
	timer := time.NewTimer(grace)
	defer timer.Stop()
	for _, w := range workers {
		select {
		case <-w.done:
			continue
		case <-timer.C:
		}
		for _, w := range workers {
			w.cancel()
		}
		break
	}
	for _, w := range workers {
		<-w.done
		w.cancel()
	}
	if grace > 0 {
		m.commit(workers)
	}
}
