package embedded

import (
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strconv"
)

func (c *PostgresConfig) check() error {
	err := checkPort("PostgreSQL", c.Port)
	if c.DataDir == "" {
		err = errors.Join(err, errors.New("DataDir is empty: a directory for the data is required"))
	}
	for _, name := range []string{"port", "listen_addresses", "data_directory", "unix_socket_directories"} {
		if value, ok := c.Parameters[name]; ok {
			err = errors.Join(err, fmt.Errorf("parameter %s=%q cannot be set: the embedded server sets it itself", name, value))
		}
	}
	return err
}

func (c *PostgresConfig) setDefaults() {
	if c.Database == "" {
		c.Database = "tenon"
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
}

// arguments are the command line of the server. Sockets in the file system are off: their paths may be
// 107 bytes long at most, which a project's directory easily exceeds.
func (c *PostgresConfig) arguments(data string, port int) []string {
	args := []string{"-D", data}
	set := func(name, value string) { args = append(args, "-c", name+"="+value) }
	set("listen_addresses", loopback)
	set("port", strconv.Itoa(port))
	set("unix_socket_directories", "")
	if c.Volatile {
		set("fsync", "off")
		set("full_page_writes", "off")
		// A query gone wild must not fill the memory that the data is in.
		set("temp_file_limit", "512MB")
		// Other kinds of shared memory outlive a killed server that is not started again.
		set("dynamic_shared_memory_type", "mmap")
	}
	for _, name := range slices.Sorted(maps.Keys(c.Parameters)) {
		set(name, c.Parameters[name])
	}
	return args
}
