package main

import (
	"fmt"
	"testing"

	"github.com/tenon-go/tenon/adapters/embedded/embeddedtest"
	"github.com/tenon-go/tenon/application/applicationtest"
)

// The program forgets by itself what its settings say: ids after two weeks, versions only when it is told to.
func TestWhatIsRememberedAgainstRepeatsIsPruned(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		settings []string
		left     string // rows of the three tables
	}{
		"as it is": {nil, "1 1 2"},
		"as set":   {[]string{"TENON_INBOX_KEEP=0", "TENON_APPLIED_KEEP=24h"}, "2 2 1"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url := embeddedtest.Database(t)
			own := append([]string{"TENON_DATABASE_URL=" + url, "TENON_KAFKA_BROKERS=" + embeddedtest.Broker(t)}, c.settings...)
			if out, err := command(t, dataDir(t), own, "migrate").CombinedOutput(); err != nil {
				t.Fatalf("%v: %s", err, out)
			}
			p := &program{t: t}
			db := p.open(url).Pool()
			for _, statement := range []string{
				`INSERT INTO tenon.consumer_inbox VALUES ('h', 'old', now() - interval '15 days'), ('h', 'new', now())`,
				`INSERT INTO tenon.inbox VALUES ('p', 1, gen_random_uuid(), now() - interval '15 days'), ('p', 1, gen_random_uuid(), now())`,
				`INSERT INTO tenon.applied VALUES ('p', 1, 'thing', 'old', 1, current_date - 15), ('p', 1, 'thing', 'new', 1, current_date)`,
			} {
				if _, err := db.Exec(statement); err != nil {
					t.Fatal(err)
				}
			}
			serve(t, dataDir(t), own...)
			applicationtest.Eventually(t, func() error {
				var left string
				err := db.Get(&left, `SELECT (SELECT count(*) FROM tenon.consumer_inbox) || ' ' || (SELECT count(*) FROM tenon.inbox) || ' ' ||
					(SELECT count(*) FROM tenon.applied)`)
				if err == nil && left != c.left {
					err = fmt.Errorf("%s rows are left, want %s", left, c.left)
				}
				return err
			})
		})
	}
}
