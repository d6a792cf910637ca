package memory_test

import (
	"testing"

	"github.com/tenon-go/tenon/adapters/memory"
	"github.com/tenon-go/tenon/application/applicationtest"
)

func storeFixture(testing.TB) applicationtest.StoreFixture {
	log := memory.NewLog()
	return applicationtest.StoreFixture{Store: log, Reader: log, Streams: log}
}

func TestStore(t *testing.T) {
	t.Parallel()
	applicationtest.Store(t, storeFixture)
}

func TestReader(t *testing.T) {
	t.Parallel()
	applicationtest.Reader(t, storeFixture)
}
