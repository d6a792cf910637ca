//go:build !linux

package embedded

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestServerIsFoundByItsDirectory(t *testing.T) {
	t.Parallel()
	listing := `    1     0 Ss   /sbin/launchd
  100     1 Ss   /opt/homebrew/bin/postgres -D /p/.tenon/postgres -c port=15000
  101   100 Ss   postgres: checkpointer
  102   100 Z    (postgres)
  200     1 Ss   /opt/homebrew/bin/postgres -D /p/.tenon/postgres.init
  300     1 S    vi /p/.tenon/postgres
`
	if diff := cmp.Diff([]int{100, 101}, parseProcesses([]byte(listing), "/p/.tenon/postgres")); diff != "" {
		t.Errorf("processes of the server (-want +got):\n%s", diff)
	}
}
