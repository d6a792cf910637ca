package postgres

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Snapshot says which transactions had ended at a moment, in the form of PostgreSQL's pg_snapshot: all below the first
// that ran, and those below Xmax that aren't listed as running. The zero value is before everything.
type Snapshot struct {
	Xmax    uint64   // no transaction from here on had ended; 0 counts as 1
	Running []uint64 // those below Xmax that hadn't, ascending
}

// ParseSnapshot reads PostgreSQL's text form, "xmin:xmax:xid,xid".
func ParseSnapshot(text string) (Snapshot, error) {
	bad := func() (Snapshot, error) {
		return Snapshot{}, fmt.Errorf("snapshot %q: want xmin:xmax:xid,xid,... with the xids ascending in between", text)
	}
	parts := strings.Split(text, ":")
	if len(parts) != 3 {
		return bad()
	}
	xmin, errMin := strconv.ParseUint(parts[0], 10, 64)
	xmax, errMax := strconv.ParseUint(parts[1], 10, 64)
	if errMin != nil || errMax != nil || xmin == 0 || xmax < xmin {
		return bad()
	}
	s := Snapshot{Xmax: xmax}
	if parts[2] == "" {
		return s, nil
	}
	least := xmin
	for field := range strings.SplitSeq(parts[2], ",") {
		xid, err := strconv.ParseUint(field, 10, 64)
		if err != nil || xid < least || xid >= xmax {
			return bad()
		}
		s.Running = append(s.Running, xid)
		least = xid + 1
	}
	return s, nil
}

// String returns PostgreSQL's text form.
func (s Snapshot) String() string {
	xmin, xmax := max(s.Xmax, 1), max(s.Xmax, 1)
	if len(s.Running) > 0 {
		xmin = s.Running[0]
	}
	b := make([]byte, 0, 48+20*len(s.Running))
	b = strconv.AppendUint(b, xmin, 10)
	b = append(b, ':')
	b = strconv.AppendUint(b, xmax, 10)
	b = append(b, ':')
	for i, xid := range s.Running {
		if i > 0 {
			b = append(b, ',')
		}
		b = strconv.AppendUint(b, xid, 10)
	}
	return string(b)
}

// IsZero reports whether s is before everything.
func (s Snapshot) IsZero() bool { return s.Xmax <= 1 }

// Trim returns s lowered to what it needs to see the events that it sees: to the newest of them, or to before's Xmax if
// that is higher. A crash of PostgreSQL hands out again the xids of transactions that had left no trace on disk; a
// snapshot that counted those as ended would hide the events later written under them.
func (s Snapshot) Trim(before Snapshot, newest uint64) Snapshot {
	xmax := min(s.Xmax, max(before.Xmax, newest+1))
	n, _ := slices.BinarySearch(s.Running, xmax)
	return Snapshot{Xmax: xmax, Running: slices.Clone(s.Running[:n])}
}

// endedBy returns the transactions that ran in s and had ended in the later snapshot.
func (s Snapshot) endedBy(later Snapshot) []uint64 {
	var ended []uint64
	for _, xid := range s.Running {
		if _, runs := slices.BinarySearch(later.Running, xid); !runs {
			ended = append(ended, xid)
		}
	}
	return ended
}
