package relaying

import "github.com/tenon-go/tenon/application/eventlog"

// MaxLanes bounds the number of lanes that a log can be divided into.
const MaxLanes = 64

// Lane is a share of the log: the records whose keys hash to its buckets. All records of a key are in one lane, so that
// lanes can be relayed apart. One lane of one is the whole log.
type Lane struct {
	Number int // from 0
	Of     int // how many lanes there are, 1 to MaxLanes
}

// Buckets returns the lane's buckets: from the first to the one before to.
func (l Lane) Buckets() (from, to int) {
	return l.Number * eventlog.Buckets / l.Of, (l.Number + 1) * eventlog.Buckets / l.Of
}

// LaneOf returns the number of the lane that a bucket belongs to, of so many lanes.
func LaneOf(bucket int16, lanes int) int {
	return ((int(bucket)+1)*lanes - 1) / eventlog.Buckets
}
