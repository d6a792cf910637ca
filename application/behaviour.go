package application

import "context"

// Behaviour runs around a handler: around every request and stream, and around each handler of a notification. It calls
// next.Run to go on, at most once, and returns its error or another; not calling it skips the handler. It keeps neither
// call nor next: both are reused for later requests.
//
// Behaviours run in the order given to [Builder.Use], the first outermost. A command's unit of work, with its retries,
// is inside all of them.
type Behaviour func(ctx context.Context, call Call, next Next) error

// Kind tells behaviours what they run around.
type Kind int

// The kinds of call.
const (
	KindCommand Kind = iota
	KindQuery
	KindStream
	KindNotification
)

// String returns the kind's name in lower case.
func (k Kind) String() string {
	return [...]string{"command", "query", "stream", "notification"}[k]
}

// Call is what a behaviour sees of the request it runs around. Valid until the behaviour returns.
type Call struct{ f frame }

// Name returns the request's type as its package calls it: "orderapp.Place".
func (c Call) Name() string { return c.f.name() }

// Kind tells whether it is a command, query, stream or notification.
func (c Call) Kind() Kind { return c.f.kind() }

// Request returns a pointer to the request: *orderapp.Place for an orderapp.Place. A behaviour may change what it
// points at.
func (c Call) Request() any { return c.f.requestPtr() }

// Result returns a pointer to the result, set once next.Run returned nil. A behaviour that skips the handler may set
// it. Streams and notifications have a *[Done].
func (c Call) Result() any { return c.f.resultPtr() }

// Next is the rest of the chain.
type Next struct {
	f frame
	i int
}

// Run goes on with ctx and returns the error of what is inside.
func (n Next) Run(ctx context.Context) error { return n.f.run(ctx, n.i) }

// Validator is implemented by requests that can check themselves.
type Validator interface {
	// Validate returns nil, or what is wrong: *domain.InvalidError, several joined.
	Validate() error
}

// Validation is the behaviour that refuses requests which are a [Validator] and say that they are invalid.
func Validation(ctx context.Context, call Call, next Next) error {
	if v, ok := call.Request().(Validator); ok {
		if err := v.Validate(); err != nil {
			return err
		}
	}
	return next.Run(ctx)
}
