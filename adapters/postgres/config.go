package postgres

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/lib/pq"
)

const (
	urlForm        = "want postgres://user:password@host:port/database"
	connectTimeout = 10 * time.Second
)

// parse returns the driver's configuration and the server's place, which is safe to print.
func (c *Config) parse() (pq.Config, string, error) {
	var none pq.Config
	if c.MaxConns < 0 {
		return none, "", fmt.Errorf("MaxConns is %d: want 1 or more, or 0 for %d", c.MaxConns, defaultMaxConns)
	}
	if c.URL == "" {
		return none, "", errors.New("URL is empty: " + urlForm)
	}
	u, err := url.Parse(c.URL)
	if err != nil {
		// The parser's message may quote a piece of the password.
		return none, "", errors.New("URL can't be parsed (not shown, it may hold a password): " + urlForm +
			", special characters in the password as %XX")
	}
	if u.Scheme != "postgres" && u.Scheme != "postgresql" {
		return none, "", fmt.Errorf("URL has the scheme %q: %s", u.Scheme, urlForm)
	}
	cfg, err := pq.NewConfig(c.URL)
	if err != nil {
		return none, "", fmt.Errorf("URL %s: %s", masked(u), hide(err.Error(), u))
	}
	if cfg.ConnectTimeout == 0 {
		cfg.ConnectTimeout = connectTimeout
	}
	if cfg.Runtime == nil {
		cfg.Runtime = make(map[string]string)
	}
	cfg.Runtime["timezone"] = "UTC"
	if c.AppName != "" {
		cfg.ApplicationName = c.AppName
	} else if cfg.ApplicationName == "" {
		cfg.ApplicationName = "tenon"
	}
	return cfg, fmt.Sprintf("%s/%s", u.Host, cfg.Database), nil
}

// wakeURL returns rawURL, which is known to be one, for a connection of [Wake]: connecting is bounded, as no context ends
// it.
func wakeURL(rawURL, appName string) string {
	u, err := url.Parse(rawURL)
	if err != nil {
		return rawURL
	}
	q := u.Query()
	if !q.Has("connect_timeout") {
		q.Set("connect_timeout", "5")
	}
	q.Set("application_name", appName+" wake")
	u.RawQuery = q.Encode()
	return u.String()
}

// masked returns u with its passwords replaced.
func masked(u *url.URL) string {
	m := *u
	if q := m.Query(); q.Has("password") {
		q.Set("password", "xxxxx")
		m.RawQuery = q.Encode()
	}
	return m.Redacted()
}

// hide replaces u's passwords in text.
func hide(text string, u *url.URL) string {
	password, _ := u.User.Password()
	for _, secret := range []string{password, u.Query().Get("password")} {
		if secret != "" {
			text = strings.ReplaceAll(text, secret, "xxxxx")
		}
	}
	return text
}
