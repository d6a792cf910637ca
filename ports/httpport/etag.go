package httpport

import (
	"strconv"
	"strings"

	"github.com/tenon-go/tenon/application"
	"github.com/tenon-go/tenon/domain"
)

const conditionForm = `must be *, or entity tags in quotes such as "3", separated by commas`

// ETag returns the strong entity tag of a version: its number in quotes.
func ETag(v domain.Version) string { return `"` + v.String() + `"` }

// IfMatch returns what a header If-Match demands. An empty one and * demand nothing, for whoever loads the thing finds out
// whether it is there. Weak tags, and tags that are no version's, are never matched. What isn't a list of tags gives an error
// that is answered with 400.
func IfMatch(header string) (application.Expect, error) {
	tags, err := parseTags("header.If-Match", header)
	if err != nil || header == "" || tags.any {
		return application.Expect{}, err
	}
	var versions []domain.Version
	for _, t := range tags.list {
		if v, ok := t.version(); ok && !t.weak {
			versions = append(versions, v)
		}
	}
	return application.At(versions...), nil
}

// IfNoneMatch reports whether a header If-None-Match says that the client has the current version: answer it with
// [NotModified]. Weak tags match too. An empty header matches nothing; what isn't a list of tags gives an error that is
// answered with 400.
func IfNoneMatch(header string, current domain.Version) (bool, error) {
	tags, err := parseTags("header.If-None-Match", header)
	if err != nil || header == "" {
		return false, err
	}
	for _, t := range tags.list {
		if v, ok := t.version(); ok && v == current {
			return true, nil
		}
	}
	return tags.any, nil
}

// tag is an entity tag without its quotes.
type tag struct {
	text string
	weak bool
}

// version returns the version that has the tag, in the very form that ETag gives.
func (t tag) version() (domain.Version, bool) {
	n, err := strconv.ParseInt(t.text, 10, 64)
	v := domain.Version(n)
	return v, err == nil && v.String() == t.text
}

type tags struct {
	any  bool // the header is *
	list []tag
}

func parseTags(location, header string) (tags, error) {
	rest := strings.Trim(header, " \t")
	if rest == "*" {
		return tags{any: true}, nil
	}
	var found tags
	for rest != "" {
		if after, comma := strings.CutPrefix(rest, ","); comma { // empty elements are allowed
			rest = strings.TrimLeft(after, " \t")
			continue
		}
		t, after, ok := cutTag(rest)
		after = strings.TrimLeft(after, " \t")
		if !ok || (after != "" && after[0] != ',') {
			return tags{}, Malformed(location, header, conditionForm)
		}
		found.list = append(found.list, t)
		rest = after
	}
	if header != "" && len(found.list) == 0 {
		return tags{}, Malformed(location, header, conditionForm)
	}
	return found, nil
}

// cutTag returns the tag that s begins with and the rest.
func cutTag(s string) (t tag, rest string, ok bool) {
	s, t.weak = strings.CutPrefix(s, "W/")
	if s, ok = strings.CutPrefix(s, `"`); !ok {
		return t, s, false
	}
	t.text, rest, ok = strings.Cut(s, `"`)
	for i := range len(t.text) {
		if c := t.text[i]; c <= ' ' || c == 0x7f {
			return t, rest, false
		}
	}
	return t, rest, ok
}
