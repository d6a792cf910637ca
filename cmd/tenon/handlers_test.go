package main

import (
	"fmt"
	"net/http"
	"testing"
)

// Of one order that is placed, confirmed and shipped, the handlers handle what was shipped and pass by the rest.
func TestMetricsTellWhatHandlersDid(t *testing.T) {
	t.Parallel()
	p := serve(t, dataDir(t))
	id := p.place()
	p.want(http.StatusNoContent, http.MethodPut, "/orders/"+id+"/confirm", "")
	p.want(http.StatusNoContent, http.MethodPut, "/orders/"+id+"/ship", `{"trackingNumber":"1Z-42"}`)
	for name, passed := range map[string]int{
		"order_announcements": 2,
		"order_notifications": 3, // it reads the log, where the announcement is too
	} {
		for metric, value := range map[string]int{
			"handled_total": 1, "passed_total": passed, "repeated_total": 0, "dead_lettered_total": 0, "retries_total": 0, "in_hand": 0,
		} {
			p.wantMetric(fmt.Sprintf("tenon_handler_%s{handler=%q} %d\n", metric, name, value))
		}
	}
}
