package domain

import "strconv"

// Version counts an aggregate's events: 0 before the first, 1 after it. It is the expected value of optimistic
// concurrency, the number of each event in its stream and the HTTP entity tag.
type Version int64

// String returns the decimal form.
func (v Version) String() string { return strconv.FormatInt(int64(v), 10) }
