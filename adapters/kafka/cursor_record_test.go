package kafka

import (
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/tenon-go/tenon/application/relaying"
)

// The cursor topic's records are a stored form: what is there must be readable by every later version.
func TestCursorRecordsAreStoredLikeThis(t *testing.T) {
	t.Parallel()
	id := uuid.MustParse("01890a5d-ac96-774b-bcce-b302099a8057")
	prefix := cursorPrefix(id, 7)
	progress := relaying.Progress{
		Log: id, Timeline: "3", Epoch: 2, Lane: relaying.Lane{Number: 7, Of: 8}, Cursor: "10:20:15;10:30:;77", Batches: 41,
		Last: relaying.Mark{Position: 77, Event: id}, Closed: true,
	}
	parked := relaying.Parked{
		Key: relaying.Key{AggregateType: "thing/s", AggregateID: "a%2F\xff/b"}, Position: 70, Event: id, Topic: "t", Reason: "too large",
		Since: time.Date(2026, 3, 4, 5, 6, 7, 8000, time.UTC), Attempts: 2,
	}
	value, err := encodeProgress(progress, 5)
	if err != nil {
		t.Fatal(err)
	}
	got, n, err := decodeProgress(&kgo.Record{Value: value}, id, 7)
	if err != nil || n != 5 {
		t.Fatalf("%d parked, %v", n, err)
	}
	if diff := cmp.Diff(progress, got); diff != "" {
		t.Error(diff)
	}
	same(t, "cursor_progress.txt", fmt.Sprintf("%s\n%s\n", progressKey(prefix), value))
	value, err = encodeParked(parked)
	if err != nil {
		t.Fatal(err)
	}
	key := parkedKey(prefix, parked.Key)
	k, ok := parkedKeyOf(prefix, key)
	gotParked, err := decodeParked(&kgo.Record{Value: value}, k)
	if !ok || err != nil {
		t.Fatalf("key %q is understood: %v; %v", key, ok, err)
	}
	if diff := cmp.Diff(parked, gotParked); diff != "" {
		t.Error(diff)
	}
	same(t, "cursor_parked.txt", fmt.Sprintf("%s\n%s\n", key, value))
	parked.After = "v1/log/10:20:15//0/0"
	value, err = encodeParked(parked)
	if err != nil {
		t.Fatal(err)
	}
	if gotParked, err = decodeParked(&kgo.Record{Value: value}, k); err != nil || gotParked != parked {
		t.Errorf("read back %+v, want %+v: %v", gotParked, parked, err)
	}
	same(t, "cursor_parked_after.txt", string(value)+"\n")
}

// same compares with a golden file, as golden does for the external tests.
func same(t testing.TB, name, got string) {
	t.Helper()
	path := "testdata/" + name
	if os.Getenv("TENON_UPDATE") != "" {
		if err := os.WriteFile(path, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Error(diff)
	}
}
