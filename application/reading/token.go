package reading

import (
	"cmp"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"slices"

	"github.com/google/uuid"

	"github.com/tenon-go/tenon/application/eventlog"
	"github.com/tenon-go/tenon/domain"
)

// Most is how many aggregates a token names at most: a few kilobytes of a header.
const Most = 50

// ErrToken says that a text isn't a token.
var ErrToken = errors.New("isn't a token")

// Token says what has been written: aggregates, each at a version. A read model that has reached it has all of it. The zero
// value names nothing. Clients see it as an opaque text, see [Token.String].
type Token struct {
	heads []eventlog.Head // sorted by type and id, one for each aggregate
}

// NewToken returns the token of what was written; of an aggregate that is named twice the later version counts. More than
// [Most] aggregates give the zero Token: nobody can wait for so many.
func NewToken(heads ...eventlog.Head) Token {
	heads = slices.Clone(heads)
	heads = slices.DeleteFunc(heads, func(h eventlog.Head) bool { return h.Version <= 0 })
	slices.SortFunc(heads, func(a, b eventlog.Head) int { return cmp.Or(compare(a, b), cmp.Compare(b.Version, a.Version)) })
	heads = slices.CompactFunc(heads, func(a, b eventlog.Head) bool { return compare(a, b) == 0 })
	if len(heads) > Most {
		return Token{}
	}
	return Token{heads: heads}
}

func compare(a, b eventlog.Head) int {
	return cmp.Or(cmp.Compare(a.Type, b.Type), cmp.Compare(a.ID, b.ID))
}

// And returns a token of what both name, see [NewToken].
func (t Token) And(other Token) Token { return NewToken(slices.Concat(t.heads, other.heads)...) }

// Heads returns what the token names. The caller must not change it.
func (t Token) Heads() []eventlog.Head { return t.heads }

// IsZero reports whether the token names nothing.
func (t Token) IsZero() bool { return len(t.heads) == 0 }

// The form of a token: base64 without padding, in the letters of URLs, of a byte for the form, the aggregates, and a sum over both
// that tells a text which was cut off or mistyped. Ids that are UUIDs take 16 bytes.
const (
	form     = 1
	sumBytes = 4
	longest  = 16 << 10 // of a text
)

// String returns the token's text, some 40 characters for one aggregate; empty for the zero value.
func (t Token) String() string {
	if t.IsZero() {
		return ""
	}
	b := make([]byte, 0, 16+32*len(t.heads))
	b = append(b, form)
	for _, h := range t.heads {
		b = appendText(b, h.Type)
		if id, err := uuid.Parse(h.ID); err == nil && id.String() == h.ID {
			b = append(append(b, 0), id[:]...)
		} else {
			b = appendText(b, h.ID)
		}
		b = binary.AppendUvarint(b, uint64(h.Version)) //nolint:gosec // above 0
	}
	return base64.RawURLEncoding.EncodeToString(binary.BigEndian.AppendUint32(b, crc32.ChecksumIEEE(b)))
}

// appendText appends a text's length, which isn't 0, and the text.
func appendText(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

// ParseToken reads what [Token.String] wrote. The error wraps [ErrToken].
func ParseToken(text string) (Token, error) {
	b, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil || len(text) > longest || len(b) < 1+sumBytes || b[0] != form {
		return Token{}, ErrToken
	}
	r := reader{rest: b[1 : len(b)-sumBytes]}
	var heads []eventlog.Head
	for len(r.rest) > 0 && !r.failed {
		h := eventlog.Head{Type: r.text(), ID: r.id(), Version: domain.Version(r.number())} //nolint:gosec // looked at below
		r.failed = r.failed || h.Type == "" || h.ID == "" || h.Version <= 0
		heads = append(heads, h)
	}
	t := NewToken(heads...)
	if r.failed || t.IsZero() || t.String() != text { // the sum is wrong, or it is another text of a token
		return Token{}, ErrToken
	}
	return t, nil
}

// reader takes a token's bytes apart.
type reader struct {
	rest   []byte
	failed bool
}

func (r *reader) number() uint64 {
	n, size := binary.Uvarint(r.rest)
	if size <= 0 {
		r.failed, r.rest = true, nil
		return 0
	}
	r.rest = r.rest[size:]
	return n
}

func (r *reader) bytes(n uint64) []byte {
	if n > uint64(len(r.rest)) {
		r.failed, r.rest = true, nil
		return nil
	}
	b := r.rest[:n]
	r.rest = r.rest[n:]
	return b
}

func (r *reader) text() string { return string(r.bytes(r.number())) }

// id reads a text, or after a length of 0 a UUID.
func (r *reader) id() string {
	n := r.number()
	if n > 0 || r.failed {
		return string(r.bytes(n))
	}
	if raw := r.bytes(uint64(len(uuid.UUID{}))); raw != nil {
		return uuid.UUID(raw).String()
	}
	return ""
}
