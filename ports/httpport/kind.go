package httpport

import "net/http"

// problemsPath is where the descriptions of problem types are served. Types are relative references, so they lead to the very
// service that sent them.
const problemsPath = "/problems"

// kind is a type of problem. Its name is part of the API: clients decide by it.
type kind struct {
	name       string
	status     int
	title      string
	retryAfter string // seconds; empty where trying the same again is of no use
	about      string // for the page: what happened, and what to do
}

func (k kind) uri() string { return problemsPath + "/" + k.name }

// kindID is an index into the table of kinds.
type kindID int

const (
	kindMalformed kindID = iota
	kindInvalid
	kindNotFound
	kindNoRoute
	kindMethod
	kindNotAcceptable
	kindSlowBody
	kindRule
	kindConflict
	kindPrecondition
	kindTooLarge
	kindMediaType
	kindInternal
	kindUnavailable
	kindUnknownOutcome
	kindTimeout
	kindBehind
	kindCount
)

// kinds returns the one table of problem types.
func kinds() [kindCount]kind {
	return [...]kind{
		kindMalformed: {
			"malformed", http.StatusBadRequest, "Malformed request", "",
			"The request can't be read: the body is not JSON or names a field twice, a header or the query string has a wrong form. Nothing was done. Mend what errors[].location names.",
		},
		kindInvalid: {
			"validation", http.StatusUnprocessableEntity, "Invalid values", "",
			"The request was read, but values are missing, unknown or outside what is allowed. Nothing was done. Each of errors[] names the place, what is allowed and what was given.",
		},
		kindNotFound: {
			"not-found", http.StatusNotFound, "Not found", "",
			"There is nothing with that id.",
		},
		kindNoRoute: {
			"no-route", http.StatusNotFound, "No such path", "",
			"This service has nothing at that path. The page of the API lists what there is.",
		},
		kindMethod: {
			"method-not-allowed", http.StatusMethodNotAllowed, "Method not allowed", "",
			"The path exists, but not with that method. The header Allow names those it has.",
		},
		kindNotAcceptable: {
			"not-acceptable", http.StatusNotAcceptable, "Not acceptable", "",
			"The answer can't be given in a form that the header Accept names.",
		},
		kindSlowBody: {
			"request-timeout", http.StatusRequestTimeout, "Request took too long", "1",
			"The body didn't arrive in time. Nothing was done; send it again.",
		},
		kindRule: {
			"rule", http.StatusConflict, "Not allowed in the present state", "",
			"The request is fine, but what it is about is in a state that forbids it. Nothing was done, and the same request will fail again until the state changes.",
		},
		kindConflict: {
			"conflict", http.StatusConflict, "Changed by somebody else", "1",
			"Others changed the same thing at the same moment, several times in a row. Nothing was done. Read again and decide anew, or send the same again.",
		},
		kindPrecondition: {
			"precondition-failed", http.StatusPreconditionFailed, "Precondition failed", "",
			"The thing is not at the version that the header If-Match demands. Nothing was done. Read again, look what changed, decide anew with the new ETag.",
		},
		kindTooLarge: {
			"too-large", http.StatusRequestEntityTooLarge, "Request too large", "",
			"The body is larger than this service reads. Nothing was done.",
		},
		kindMediaType: {
			"media-type", http.StatusUnsupportedMediaType, "Unsupported media type", "",
			"The body must be JSON in UTF-8, not compressed, and the header Content-Type must say application/json. Nothing was done.",
		},
		kindInternal: {
			"internal", http.StatusInternalServerError, "Internal error", "",
			"A mistake in this service. Its logs have the cause under the correlation id.",
		},
		kindUnavailable: {
			"unavailable", http.StatusServiceUnavailable, "Unavailable for now", "1",
			"Something that this service needs can't be reached, or was busy, or the service stops. Nothing was done. Try again after the time that Retry-After gives.",
		},
		kindUnknownOutcome: {
			"outcome-unknown", http.StatusServiceUnavailable, "Outcome unknown", "1",
			"The connection to the store broke at the very moment of the commit: the command may have been carried out or not. Look before sending it again.",
		},
		kindTimeout: {
			"timeout", http.StatusGatewayTimeout, "Out of time", "1",
			"The request wasn't finished in the time that it is given. Look what became of it before sending it again.",
		},
		kindBehind: {
			"behind", http.StatusGatewayTimeout, "Read model is behind", "1",
			"The read model doesn't have yet what the header Tenon-Token names, and didn't get it in the time that Prefer allows. Ask again, longer (Prefer: wait=10), or without the token for what there is.",
		},
	}
}

// kindOf returns the kind that an answer with that status has when nothing more is known about it; false when there is none.
func kindOf(status int) (kindID, bool) {
	switch status {
	case http.StatusConflict:
		return kindConflict, true
	case http.StatusServiceUnavailable:
		return kindUnavailable, true
	}
	for i, k := range kinds() {
		if k.status == status {
			return kindID(i), true
		}
	}
	return 0, false
}
