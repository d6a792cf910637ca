package orderapp

import (
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/tenon-go/tenon/domain"
	"github.com/tenon-go/tenon/domain/order"
)

// Position is a place in the list of orders: behind the order that was created then and has that id. It stays where it
// is when orders come, change or go. The zero value is the list's beginning.
type Position struct {
	CreatedAt time.Time
	ID        order.ID
}

func positionOf(s Summary) Position { return Position{CreatedAt: s.CreatedAt, ID: s.ID} }

// String returns the position in the opaque form that clients hand back.
func (p Position) String() string {
	return base64.RawURLEncoding.EncodeToString(fmt.Appendf(nil, "%d/%s", p.CreatedAt.UnixMicro(), p.ID))
}

// parsePosition reads what String wrote; else *domain.InvalidError for the field "after".
func parsePosition(text string) (Position, error) {
	invalid := invalidAfter(text)
	data, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil {
		return Position{}, invalid
	}
	micros, id, _ := strings.Cut(string(data), "/")
	created, err := strconv.ParseInt(micros, 10, 64)
	if err != nil {
		return Position{}, invalid
	}
	p := Position{CreatedAt: time.UnixMicro(created).UTC()}
	if p.ID, err = order.ParseID(id); err != nil || p.CreatedAt.Year() < 1 || p.CreatedAt.Year() > 9999 {
		return Position{}, invalid // databases know no such year
	}
	return p, nil
}

func invalidAfter(text string) error {
	return &domain.InvalidError{Field: "after", Given: fmt.Sprintf("%.60q", text), Reason: "must be the next page's cursor from an earlier answer"}
}
