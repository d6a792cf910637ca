package postgres_test

import (
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"

	"github.com/tenon-go/tenon/adapters/postgres"
	"github.com/tenon-go/tenon/application/eventlog"
	"github.com/tenon-go/tenon/application/relaying"
	"github.com/tenon-go/tenon/domain"
)

const large = 1 << 20

// payloads of a mebibyte: one that the server stores in a few kilobytes, one that it can't shrink.
func compressible(int) string { return `"` + strings.Repeat("x", large-2) + `"` }

func incompressible(seed int) string {
	random := rand.New(rand.NewPCG(uint64(seed), 1))
	var b strings.Builder
	b.WriteByte('"')
	for b.Len() < large-1 {
		b.WriteString(strconv.FormatUint(random.Uint64(), 36))
	}
	return b.String()[:large-1] + `"`
}

func TestLanePagesAreBoundedByBytes(t *testing.T) {
	t.Parallel()
	for name, payload := range map[string]func(int) string{"compressible": compressible, "incompressible": incompressible} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db := open(t)
			l := postgres.NewLaneLog(db)
			const records = 12
			for i := range records {
				r := event("a", domain.Version(i+1))
				r.Payload = []byte(payload(i))
				store(t, db, r)
			}
			for bound, most := range map[int]int{1: 1, large: 1, 3*large + large/2: 3, records * large: records} {
				checkPages(t, l, "", bound, most, records)
			}
		})
	}
}

// A lane that has met only small payloads doesn't have the server sum them up. Large ones must not break the bound then.
func TestLanePagesAreBoundedWhenPayloadsGrow(t *testing.T) {
	t.Parallel()
	const records, bound = 12, 3*large + large/2
	db := open(t)
	l := postgres.NewLaneLog(db)
	store(t, db, events("small", 1, 20)...)
	var after eventlog.Cursor
	for range 2 {
		after = must(l.Read(t.Context(), relaying.Query{Lane: relaying.Lane{Of: 1}, After: after, Records: 15, Bytes: bound}))(t).Next
	}
	if l.Bounds(relaying.Query{Records: 1000, Bytes: bound}) {
		t.Fatal("the server is told a bound though payloads were small")
	}
	for i := range records {
		r := event("a", domain.Version(i+1))
		r.Payload = []byte(incompressible(i))
		store(t, db, r)
	}
	checkPages(t, l, after, bound, 3, records)
	if !l.Bounds(relaying.Query{Records: 1000, Bytes: bound}) {
		t.Error("the server is told no bound though payloads were large")
	}
}

// checkPages reads all pages; none may hold more than the bound, or more than one record where one alone is larger.
func checkPages(t *testing.T, l *postgres.LaneLog, after eventlog.Cursor, bound, most, records int) {
	t.Helper()
	read := 0
	for pages := 0; ; pages++ {
		page := must(l.Read(t.Context(), relaying.Query{Lane: relaying.Lane{Of: 1}, After: after, Records: 1000, Bytes: bound}))(t)
		if len(page.Records) > most {
			t.Errorf("bound %d: page of %d records, want %d at most", bound, len(page.Records), most)
		}
		for _, r := range page.Records {
			read++
			if int(r.Version) != read {
				t.Fatalf("bound %d: version %d, want %d", bound, r.Version, read)
			}
		}
		if pages > 2*records {
			t.Fatalf("bound %d: %d records in %d pages", bound, read, pages)
		}
		if after = page.Next; !page.More {
			break
		}
	}
	if read != records {
		t.Errorf("bound %d: %d records, want %d", bound, read, records)
	}
}
