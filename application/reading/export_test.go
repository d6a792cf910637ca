package reading

import "time"

// SetPoll makes read models that are added from now on be asked as rarely as that while nothing tells to look.
func SetPoll(m *Models, longest time.Duration) { m.poll = longest }
