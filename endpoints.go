package tenon

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// Endpoints says where a running program listens.
type Endpoints struct {
	HTTPAddr     string // empty without RoleAPI
	DatabaseURL  string // with its password
	KafkaBrokers []string
}

// endpointsFile is the name of the file in the data directory that holds the endpoints in force, for scripts and
// clients.
const endpointsFile = "endpoints.env"

// write replaces the file in one step; only the owner may read it, since the URL holds a password.
func (e Endpoints) write(dataDir string) error {
	text := fmt.Sprintf("TENON_DATABASE_URL=%s\nTENON_KAFKA_BROKERS=%s\nTENON_HTTP_ADDR=%s\n",
		e.DatabaseURL, strings.Join(e.KafkaBrokers, ","), e.HTTPAddr)
	path := filepath.Join(dataDir, endpointsFile)
	if err := os.WriteFile(path+".new", []byte(text), 0o600); err != nil {
		return fmt.Errorf("write endpoints: %w", err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		return fmt.Errorf("write endpoints: %w", err)
	}
	return nil
}

// readEndpoints returns what a running program wrote.
func readEndpoints(dataDir string) (Endpoints, error) {
	given, err := readConfigFile(filepath.Join(dataDir, endpointsFile))
	if err != nil {
		return Endpoints{}, fmt.Errorf("read endpoints: %w", err)
	}
	e := Endpoints{HTTPAddr: given["TENON_HTTP_ADDR"].text, DatabaseURL: given["TENON_DATABASE_URL"].text}
	if brokers := given["TENON_KAFKA_BROKERS"].text; brokers != "" {
		e.KafkaBrokers = strings.Split(brokers, ",")
	}
	return e, nil
}
