package eventlog

import "context"

// Appender is what a [Store] may offer besides transactions: a unit of work that has nothing but records to write hands
// them over whole, and the store is free to write the units of concurrent callers together. Safe for concurrent use.
type Appender interface {
	// AppendUnit stores the records in a transaction of their own, in the order given, all or none; what is said of
	// [Tx.Append] and [Tx.Commit] holds for it too. Each caller learns what became of its own records, whatever
	// happened to others': *domain.ConflictError when one of its versions is taken. When ctx ends before the records were
	// sent they are not stored and the error is ctx's; once they were sent, the answer is what became of them. No records: no effect.
	AppendUnit(ctx context.Context, records []Record) error
}
