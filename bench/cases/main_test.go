package cases

import (
	"testing"

	"github.com/tenon-go/tenon/bench/rig"
)

func TestMain(m *testing.M) {
	rig.ServeBroker()
	m.Run()
}
