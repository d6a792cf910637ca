package tenon

import (
	"github.com/tenon-go/tenon/adapters/kafka"
	"github.com/tenon-go/tenon/application"
	"github.com/tenon-go/tenon/application/codec"
	"github.com/tenon-go/tenon/application/projection"
)

// wireKafka makes the relay and a router for every handler of a topic. It returns how brokers are reached.
func (a *App) wireKafka(w *wired, b *application.Builder, brokers []string, d declared) (cfg kafka.Config, err error) {
	if cfg, err = a.cfg.kafkaConfig(brokers, a.log); err != nil {
		return cfg, err
	}
	if w.admin, err = kafka.NewAdmin(cfg); err != nil {
		return cfg, err
	}
	w.closers = append(w.closers, done(w.admin.Close))
	if a.has(RoleRelay) {
		if err := a.wireRelay(w, cfg); err != nil {
			return cfg, err
		}
	}
	if a.has(RoleHandlers) {
		err = a.wireConsumed(w, b.Codec(), cfg, d.consumed)
	}
	return cfg, err
}

// codecFor returns the codec of a read model: of its own types if it declares them, else of what the contexts register.
func codecFor(b *application.Builder, p projection.Projection) codec.Codec {
	if p.Events != nil {
		return b.CodecOf(p.Events)
	}
	return b.Codec()
}

// done makes a closer of a function that can't fail.
func done(f func()) func() error {
	return func() error { f(); return nil }
}
