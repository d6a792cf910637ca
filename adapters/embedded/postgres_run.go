package embedded

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"syscall"

	"github.com/tenon-go/tenon/adapters/embedded/internal/freeport"
)

// launch starts the server process and waits until it accepts connections. A port that was not asked
// for is exchanged when another process takes it in between.
func (p *Postgres) launch(ctx context.Context) error {
	if err := endLeftovers(ctx, p.place.data(), p.cfg.Logger); err != nil {
		return err
	}
	if p.cfg.Port != 0 {
		if err := freeport.Try(p.cfg.Port); err != nil {
			return &PortError{Service: "PostgreSQL", Port: p.cfg.Port, Cause: err}
		}
		return p.launchOn(ctx, p.cfg.Port)
	}
	for attempt := 1; ; attempt++ {
		port, err := freeport.Find(p.kept.Port)
		if err != nil {
			return err
		}
		err = p.launchOn(ctx, port)
		if _, taken := errors.AsType[*PortError](err); !taken || attempt == maxPortAttempts {
			return err
		}
	}
}

func (p *Postgres) launchOn(ctx context.Context, port int) error {
	log, err := openLog(p.logPath())
	if err != nil {
		return err
	}
	defer log.Close()
	cmd := p.programs.command("postgres", p.cfg.arguments(p.place.data(), port)...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = p.place.data(), log.file, log.file
	s, err := startServer(cmd, p.place.user)
	if err != nil {
		return err
	}
	if err := s.waitReady(ctx, p.place.data()); err != nil {
		return describeFailure(errors.Join(err, s.stop()), log, port)
	}
	p.server = s
	return p.keepPort(port)
}

func (p *Postgres) keepPort(port int) error {
	if p.kept.Port == port {
		return nil
	}
	p.kept.Port = port
	return p.kept.write(p.settingsPath())
}

func describeFailure(err error, log *serverLog, port int) error {
	lines := log.written()
	if strings.Contains(lines, "could not bind") {
		return &PortError{Service: "PostgreSQL", Port: port, Cause: syscall.EADDRINUSE}
	}
	return fmt.Errorf("%w\n%s(log: %s)", err, lines, log.file.Name())
}

// Done returns a channel that is closed when the server that runs now ends unasked: by a crash, a
// signal from outside or Kill, but not by Stop or Restart. After Restart ask for the new one; between
// Stop and Restart it is nil.
func (p *Postgres) Done() <-chan struct{} {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.server == nil {
		return nil
	}
	return p.server.ended
}

// Stop ends the server, open connections included, waits until it is gone and releases the data
// directory. The data stays. It returns an error when the server had to be forced. A second call does
// nothing.
func (p *Postgres) Stop() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := errors.Join(p.halt(), p.dataLock.Unlock()); err != nil {
		return fmt.Errorf("stop embedded PostgreSQL: %w", err)
	}
	return nil
}

func (p *Postgres) halt() error {
	if p.server == nil {
		return nil
	}
	s := p.server
	p.server = nil
	return s.stop()
}

// Kill ends the server and all its processes as a crash would, for tests of failures, and waits until
// they are gone. Restart brings it back.
func (p *Postgres) Kill() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.server == nil {
		return nil
	}
	if err := p.server.kill(p.place.data()); err != nil {
		return fmt.Errorf("kill embedded PostgreSQL: %w", err)
	}
	return nil
}

// Restart stops the server if it runs and starts it on the same directory and port, also after Stop or
// Kill. The URLs stay valid.
func (p *Postgres) Restart(ctx context.Context) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := p.restart(ctx); err != nil {
		return fmt.Errorf("restart embedded PostgreSQL: %w", err)
	}
	return nil
}

func (p *Postgres) restart(ctx context.Context) error {
	if err := errors.Join(p.halt(), p.dataLock.Unlock()); err != nil {
		return err
	}
	lock, err := lockFile(p.place.dir, "postgres.lock")
	if err != nil {
		return err
	}
	p.dataLock, p.cfg.Port = lock, p.kept.Port
	return p.launch(ctx)
}
