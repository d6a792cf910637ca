package orderhttp_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestRevenueIsPaged(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	for range 3 {
		body := `{"customerId": "a/b", "items": [{"productId": "pen", "quantity": 3, "price": 0.10}]}`
		if a := s.send(http.MethodPost, "/orders", body); a.status != http.StatusCreated {
			t.Fatal(a.body)
		}
	}
	type day struct{ Day, Currency, TotalAmount string }
	var got [][]day
	for after, more := "", true; more; {
		var page struct {
			Days []day
			Next string
		}
		a := s.send(http.MethodGet, "/customers/a%2Fb/revenue?limit=2"+after, "")
		if err := json.Unmarshal([]byte(a.body), &page); a.status != http.StatusOK || err != nil {
			t.Fatal(a.status, a.body, err)
		}
		got = append(got, page.Days)
		after, more = "&after="+page.Next, page.Next != ""
	}
	want := [][]day{{{"2026-03-14", "EUR", "0.30"}, {"2026-03-13", "EUR", "0.30"}}, {{"2026-03-12", "EUR", "0.30"}}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("pages (-want +got):\n%s", diff)
	}
}

func TestRevenueOfSomebodyUnknownIsEmpty(t *testing.T) {
	t.Parallel()
	if a := newShop(t).send(http.MethodGet, "/customers/nobody/revenue", ""); a.status != http.StatusOK || strings.TrimSpace(a.body) != `{"days":[]}` {
		t.Errorf("answer %d %s", a.status, a.body)
	}
}
