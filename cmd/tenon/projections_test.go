package main

import "testing"

// TestReadModelsFromTheLogNeedNoKafka changes the source of one database's read models between runs.
func TestReadModelsFromTheLogNeedNoKafka(t *testing.T) {
	t.Parallel()
	dir := dataDir(t)
	p := serve(t, dir)
	p.place()
	sameAsFold(t, p, p.env["PostgreSQL"])
	p.kill()
	for range 2 {
		p = serve(t, dir, "TENON_PROJECTIONS_SOURCE=log", "TENON_ROLES=api,projections")
		if address, ok := p.env["Kafka"]; ok {
			t.Errorf("a broker was started at %s", address)
		}
		id := p.place()
		p.want(204, "PUT", "/orders/"+id+"/confirm", "")
		sameAsFold(t, p, p.env["PostgreSQL"])
		p.kill()
	}
	p = serve(t, dir)
	p.place()
	sameAsFold(t, p, p.env["PostgreSQL"])
}
