package debezium_test

import (
	"testing"

	"github.com/tenon-go/tenon/adapters/embedded/embeddedtest"
)

func TestMain(m *testing.M) { embeddedtest.Main(m) }
