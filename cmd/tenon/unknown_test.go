package main

import (
	"net/http"
	"testing"
)

// An event that a newer program wrote, of a type that this one doesn't know: by setting it is passed by and counted, or parked. What
// a projection just doesn't handle is never parked.
func TestWhatBecomesOfUnknownTypesIsSet(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ setting, metric string }{
		{"pass", `tenon_projection_passed_total{projection="revenue",version="1"} 2`},
		{"park", `tenon_projection_parked_total{projection="revenue",version="1"} 1`},
	} {
		t.Run(c.setting, func(t *testing.T) {
			t.Parallel()
			p := serve(t, dataDir(t), "TENON_PROJECTIONS_UNKNOWN="+c.setting)
			id := p.place()
			p.want(http.StatusNoContent, http.MethodPut, "/orders/"+id+"/confirm", "") // revenue doesn't handle it
			_, err := p.open(p.env["PostgreSQL"]).Pool().Exec(`INSERT INTO tenon.events (recorded_at, version, event_id, schema_version, bucket, topic,
					aggregate_type, aggregate_id, event_type, payload)
				SELECT now(), 3, gen_random_uuid(), 1, bucket, topic, aggregate_type, aggregate_id, 'order.gilded', '{}'
				FROM tenon.events WHERE aggregate_id = $1 AND version = 2`, id)
			if err != nil {
				t.Fatal(err)
			}
			p.wantMetric(c.metric)
		})
	}
}
