package eventlog_test

import (
	"hash/fnv"
	"strconv"
	"sync"
	"testing"

	"github.com/tenon-go/tenon/application/eventlog"
)

// The bucket of a key is stored in every row: these values may never change.
func TestBucketsOfKnownKeys(t *testing.T) {
	for key, want := range map[string]int16{
		"": 755, "a": 102, "01890a5d-ac96-774b-bcce-b302099a8057": 557, "order-1": 41, "Ünïcode": 834,
	} {
		if got := eventlog.Bucket(key); got != want {
			t.Errorf("Bucket(%q) = %d, want %d", key, got, want)
		}
	}
}

func TestBucketsAreFNV1aFoldedToTenBits(t *testing.T) {
	for i := range 1000 {
		key := "key " + strconv.Itoa(i*i)
		h := fnv.New32a()
		_, _ = h.Write([]byte(key))
		sum := h.Sum32()
		if got, want := eventlog.Bucket(key), int16((sum^sum>>10^sum>>20)&1023); got != want {
			t.Fatalf("Bucket(%q) = %d, want %d", key, got, want)
		}
	}
}

func TestBucketsAreEvenlyFilled(t *testing.T) {
	const keys = 100 * eventlog.Buckets
	var counts [eventlog.Buckets]int
	for i := range keys {
		b := eventlog.Bucket("order-" + strconv.Itoa(i))
		if b < 0 || b >= eventlog.Buckets {
			t.Fatalf("bucket %d is out of range", b)
		}
		counts[b]++
	}
	for b, n := range counts {
		if n < 30 || n > 200 {
			t.Errorf("bucket %d has %d of %d keys; want about 100", b, n, keys)
		}
	}
}

func TestRaiseWakesWhoWaitedBefore(t *testing.T) {
	var s eventlog.Signal
	var wg sync.WaitGroup
	for range 8 {
		woken := s.Wait()
		wg.Go(func() { <-woken })
	}
	s.Raise()
	wg.Wait()
}

func TestRaiseBeforeWaitWakesNobody(t *testing.T) {
	var s eventlog.Signal
	s.Raise()
	select {
	case <-s.Wait():
		t.Error("woken by a Raise that came before")
	default:
	}
}
