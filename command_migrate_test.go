package tenon_test

import (
	"strings"
	"testing"

	"github.com/tenon-go/tenon/adapters/embedded/embeddedtest"
)

func TestCommandsOnADatabaseWithoutTheSchemaSayWhatToDo(t *testing.T) {
	t.Parallel()
	environ := []string{"TENON_DATABASE_URL=" + embeddedtest.Database(t)}
	for _, args := range []string{"relay status", "relay parked", "deadletters list", "events order 1", "debezium status"} {
		status, out, errOut := execute(t, environ, strings.Fields(args)...)
		if status != 1 || !strings.Contains(errOut, "run `tenon migrate`") {
			t.Errorf("%s: status %d, said %q; want 1 and what to run", args, status, out+errOut)
		}
	}
}
