package httpport

import (
	"context"
	"errors"
	"net/http"
	"reflect"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humachi"
	"github.com/go-chi/chi/v5"
)

// Handle adds an operation whose errors are answered by the table of this package: h returns what it got from the application.
// The document lists the statuses that every operation has; op.Errors holds those that h adds. I and O are Huma's inputs and
// outputs; an input that embeds [Reads] waits for what was written, see there, and answers to other methods than GET name what was
// written. Use it instead of huma.Register, whose handlers would have to know HTTP.
func Handle[I, O any](api huma.API, op huma.Operation, h func(context.Context, *I) (*O, error)) {
	op.Errors = append(op.Errors, http.StatusServiceUnavailable, http.StatusGatewayTimeout)
	in := reflect.TypeFor[I]()
	if _, ok := in.FieldByName("Body"); ok {
		op.Errors = append(op.Errors, http.StatusRequestTimeout, http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType)
	}
	if in.NumField() > 0 {
		op.Errors = append(op.Errors, http.StatusBadRequest)
	}
	place := "body"
	if op.Method == http.MethodGet {
		place = "query"
	}
	h = reads(h)
	if op.Method != http.MethodGet {
		h = writes(h)
	}
	if op.Responses == nil {
		op.Responses = make(map[string]*huma.Response)
	}
	huma.Register(api, op, func(ctx context.Context, in *I) (*O, error) {
		out, err := h(ctx, in)
		if err == nil {
			return out, nil
		}
		if gone(ctx, err) {
			panic(http.ErrAbortHandler) // nobody reads an answer
		}
		var answer huma.StatusError
		if !errors.As(err, &answer) {
			answer = problemOf(ctx, err, place)
		}
		if answer.GetStatus() >= http.StatusInternalServerError {
			note(ctx, err)
		}
		return nil, answer
	})
	headersOf[I](op.Method, op.Responses)
}

// newAPI returns the API whose operations r routes. Nothing of Huma's package variables is set: errors that Huma makes itself
// pass a transformer, schemas an alias, and requests an adapter that reads them before Huma does.
func newAPI(cfg Config, r chi.Router) huma.API {
	schemas := huma.NewMapRegistry("#/components/schemas/", huma.DefaultSchemaNamer)
	schemas.RegisterTypeAlias(reflect.TypeFor[huma.ErrorModel](), reflect.TypeFor[Problem]())
	format := huma.Format{Marshal: huma.DefaultJSONFormat.Marshal, Unmarshal: unmarshal}
	return huma.NewAPI(huma.Config{
		OpenAPI: &huma.OpenAPI{
			OpenAPI:    "3.1.0",
			Info:       &huma.Info{Title: cfg.Title, Version: cfg.Version},
			Components: &huma.Components{Schemas: schemas},
		},
		Formats:                      map[string]huma.Format{"application/json": format, "json": format},
		DefaultFormat:                "application/json",
		RejectUnknownQueryParameters: true,
		Transformers:                 []huma.Transformer{toProblem},
	}, &adapter{Adapter: humachi.NewAdapter(r), limit: cfg.BodyLimit, timeout: cfg.ReadTimeout})
}

// toProblem replaces errors that Huma made and gives every problem the request's correlation id.
func toProblem(ctx huma.Context, _ string, v any) (any, error) {
	var p Problem
	switch v := v.(type) {
	case *Problem:
		p = *v
	case *huma.ErrorModel:
		p = *fromHuma(v)
		if v.Status >= http.StatusInternalServerError {
			for _, e := range v.Errors {
				note(ctx.Context(), e)
			}
		}
	default:
		return v, nil
	}
	p.CorrelationID = correlationOf(ctx.Context())
	return &p, nil
}

// fromHuma returns m as a problem. A server's error says nothing of its cause. A status that isn't in the table has the type
// that RFC 9457 gives to what is no more than its status.
func fromHuma(m *huma.ErrorModel) *Problem {
	detail, found := m.Detail, faultsOf(m)
	if m.Status >= http.StatusInternalServerError {
		detail, found = inLog, nil
	}
	if id, ok := kindOf(m.Status); ok {
		return problem(id, detail, found...)
	}
	return &Problem{Type: "about:blank", Title: http.StatusText(m.Status), Status: m.Status, Detail: detail, Errors: found}
}

func faultsOf(m *huma.ErrorModel) []Fault {
	var found []Fault
	for _, e := range m.Errors {
		if e == nil {
			continue
		}
		f := Fault{Location: e.Location, Message: e.Message}
		if e.Location != "body" { // else it is the whole body, which the client has
			f.Value = shown(e.Value)
		}
		found = append(found, f)
	}
	return found
}
