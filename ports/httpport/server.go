// Package httpport is how the world reaches a service over HTTP: [New] gives a [Server] whose [Server.API] contexts add their
// operations to with [Handle]. It answers every error as problem details (RFC 9457), one table from errors to status; it reads
// bodies and query strings strictly, carries correlation ids, tells versions as entity tags ([ETag], [IfMatch]), and serves
// health, metrics, the OpenAPI document and its page.
//
// What net/http refuses before a request exists (a broken request line, headers over the limit) is answered in plain text.
// There is no authentication here yet. The routes of a context are in its own package, such as orderhttp.
package httpport

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"

	"github.com/danielgtaylor/huma/v2"
	"github.com/go-chi/chi/v5"
)

// errStopping is the cause of contexts that end because the server's time to stop is over.
var errStopping = errors.New("server stops")

// maxHeaderBytes is what a request's line and headers may have together.
const maxHeaderBytes = 64 << 10

// Server listens, serves and stops. Add routes before Serve; apart from that it is safe for concurrent use.
type Server struct {
	cfg    Config
	log    *slog.Logger
	router *chi.Mux
	api    huma.API
	health *health

	mu       sync.Mutex
	listener net.Listener
	served   bool
}

// New returns a server with the routes that every service has, or all that is wrong with cfg, joined.
func New(cfg Config) (*Server, error) {
	cfg = cfg.withDefaults()
	if err := cfg.validate(); err != nil {
		return nil, fmt.Errorf("http server: %w", err)
	}
	s := &Server{cfg: cfg, log: slog.New(Correlate(cfg.Logger.Handler())), health: newHealth(cfg.Checks, cfg.CheckTimeout)}
	if err := s.route(); err != nil {
		return nil, fmt.Errorf("http server: %w", err)
	}
	return s, nil
}

// API returns what operations are added to, with [Handle].
func (s *Server) API() huma.API { return s.api }

// Router returns what plain handlers are added to: pages, streams. They are not in the OpenAPI document.
func (s *Server) Router() chi.Router { return s.router }

// Handler returns the whole service as a handler, for tests and for other servers.
func (s *Server) Handler() http.Handler { return s.router }

// Listen binds the address, so that a port in use is known before anything else starts. Serve does it otherwise. A second call
// has no effect.
func (s *Server) Listen() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.listener != nil {
		return nil
	}
	var lc net.ListenConfig
	ln, err := lc.Listen(context.Background(), "tcp", s.cfg.Addr)
	if err != nil {
		return fmt.Errorf("%s %q: %w (give another address, or port 0 for any free one)", addrSetting, s.cfg.Addr, err)
	}
	s.listener = ln
	return nil
}

// Addr returns the address in force, with the port chosen for port 0; before Listen the one configured.
func (s *Server) Addr() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.listener == nil {
		return s.cfg.Addr
	}
	return s.listener.Addr().String()
}

// Close gives the address back when Serve was never called; otherwise it ends what Serve still has in hand. It works twice.
func (s *Server) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.listener == nil {
		return nil
	}
	if err := s.listener.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
		return fmt.Errorf("close %s: %w", s.cfg.Addr, err)
	}
	return nil
}

// Serve answers requests until ctx ends, then takes no more and finishes those in hand. It returns nil when all of them were
// finished within Config.StopTimeout, else an error; those still running then saw their context end.
func (s *Server) Serve(ctx context.Context) error {
	ln, err := s.begin()
	if err != nil {
		return err
	}
	base, cut := context.WithCancelCause(context.WithoutCancel(ctx))
	defer cut(nil)
	hs := &http.Server{
		Handler:           s.router,
		ReadHeaderTimeout: s.cfg.ReadHeaderTimeout,
		ReadTimeout:       s.cfg.WriteTimeout, // for bodies that nobody reads; a shorter one would end contexts of long requests
		WriteTimeout:      s.cfg.WriteTimeout,
		IdleTimeout:       s.cfg.IdleTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		BaseContext:       func(net.Listener) context.Context { return base },
		ErrorLog:          slog.NewLogLogger(s.log.Handler(), slog.LevelDebug),
	}
	ended := make(chan error, 1)
	go func() { ended <- hs.Serve(ln) }()
	select {
	case err = <-ended:
		return errors.Join(fmt.Errorf("serve %s: %w", ln.Addr(), err), hs.Close(), s.health.wait(ctx))
	case <-ctx.Done():
	}
	err = s.stop(ctx, hs, cut)
	<-ended
	return err
}

// begin returns the listener, bound if it wasn't, to the first caller only.
func (s *Server) begin() (net.Listener, error) {
	if err := s.Listen(); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.served {
		return nil, fmt.Errorf("serve %s: called twice", s.cfg.Addr)
	}
	s.served = true
	return s.listener, nil
}

// stop finishes what is in hand. What isn't finished in time sees its context end, gets a moment to answer, and is cut off.
func (s *Server) stop(ctx context.Context, hs *http.Server, cut context.CancelCauseFunc) error {
	ctx = context.WithoutCancel(ctx)
	patient, cancel := context.WithTimeout(ctx, s.cfg.StopTimeout)
	defer cancel()
	err := hs.Shutdown(patient)
	if err == nil {
		return s.health.wait(patient)
	}
	cut(errStopping)
	brief, cancelBrief := context.WithTimeout(ctx, s.cfg.StopTimeout/4)
	defer cancelBrief()
	err = fmt.Errorf("stop %s: requests still running after %v", s.cfg.Addr, s.cfg.StopTimeout)
	if again := hs.Shutdown(brief); again != nil {
		err = errors.Join(err, hs.Close())
	}
	return errors.Join(err, s.health.wait(brief))
}
