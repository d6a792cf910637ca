package deadletter

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

// longestName bounds the texts of a key in bytes: an index holds them.
const longestName = 200

// Name returns s as a key's text. What can't be stored as text, or is too long, is named by its hash.
func Name(s string) string {
	if len(s) <= longestName && utf8.ValidString(s) && strings.IndexByte(s, 0) < 0 {
		return s
	}
	sum := sha256.Sum256([]byte(s))
	return "sha256:" + hex.EncodeToString(sum[:])
}

// IsText reports whether b can be shown and stored as text: UTF-8 without NUL.
func IsText(b []byte) bool { return utf8.Valid(b) && bytes.IndexByte(b, 0) < 0 }

// Text returns s as it can be stored: valid, without NUL, at most so many bytes.
func Text(s string, most int) string {
	s = strings.ReplaceAll(strings.ToValidUTF8(s, "\uFFFD"), "\x00", "\uFFFD")
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "")
}

// Check returns what is missing in a decision of a kind.
func (d Decision) Check(kind ActionKind) error {
	var errs []error
	if n := utf8.RuneCountInString(d.By); n < 1 || n > 200 || !IsText([]byte(d.By)) {
		errs = append(errs, fmt.Errorf("who decides is %q: want 1 to 200 characters", d.By))
	}
	if !IsText([]byte(d.Why)) || len(d.Why) > 2000 {
		errs = append(errs, errors.New("why isn't a text of at most 2000 bytes"))
	}
	if kind == Discarded && strings.TrimSpace(d.Why) == "" {
		errs = append(errs, errors.New("why is missing: say why the event may be given up"))
	}
	return errors.Join(errs...)
}
