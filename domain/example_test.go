package domain_test

import (
	"errors"
	"fmt"
	"time"

	"github.com/tenon-go/tenon/domain"
)

// Lent and Returned are what can happen to a book.
type (
	Lent struct {
		To string
		At time.Time
	}
	Returned struct{ At time.Time }
)

// ErrLent says that somebody has the book.
var ErrLent = errors.New("book is lent to somebody else")

// Book is an aggregate: it decides, records and folds.
type Book struct {
	domain.Root
	reader string // empty: on the shelf
}

// Lend gives the book to a reader. To give it again to who has it does nothing.
func (b *Book) Lend(to string, now time.Time) error {
	switch b.reader {
	case to:
		return nil
	case "":
		domain.Record(b, Lent{To: to, At: now})
		return nil
	}
	return ErrLent
}

// Apply folds an event into the state.
func (b *Book) Apply(e domain.Event) {
	switch e := e.(type) {
	case Lent:
		b.reader = e.To
	case Returned:
		b.reader = ""
	}
}

// An aggregate is its events: decisions record them, the fold turns them into state.
func Example() {
	now := time.Date(2026, 3, 14, 15, 0, 0, 0, time.UTC)

	book := new(Book)
	domain.Begin(book, "book-1")
	domain.Replay(book, Lent{To: "ann", At: now}, Returned{At: now}) // what a store has of it

	fmt.Println("ben takes it:", book.Lend("ben", now))
	fmt.Println("ben again:   ", book.Lend("ben", now))
	fmt.Println("ann:         ", book.Lend("ann", now))
	fmt.Printf("recorded %T, from version %v to %v\n", domain.Recorded(book)[0], domain.Stored(book), book.Version())
	// Output:
	// ben takes it: <nil>
	// ben again:    <nil>
	// ann:          book is lent to somebody else
	// recorded domain_test.Lent, from version 2 to 3
}
