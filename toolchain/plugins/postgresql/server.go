package postgresql

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"tenant-storage/toolchain/plugins/plugin"
)

// server is the configured PostgreSQL server. Connections live as long as one operation: an idle one would stand in
// the way of DROP DATABASE.
type server struct {
	host, port         string
	username, password string
	database           string // where roles, databases and grants on databases are made
	sslmode            string
	sslrootcert        string
	connectTimeout     int           // seconds
	free               chan struct{} // one slot for each connection allowed at a time
	privileges         sync.Mutex    // held while this process changes roles or privileges
}

func (s *server) configure(config plugin.Config) error {
	s.host = config.Text("host", "localhost")
	s.port = config.Text("port", "5432")
	s.database = config.Text("database", "postgres")
	s.username = config.Text("username", "postgres")
	s.password = config.Text("password", "")
	s.sslrootcert = config.Text("sslrootcert", "")
	// Without a word about TLS the official plugin demands it, too.
	s.sslmode = config.Text("sslmode", config.Text("sslMode", "require"))
	if modes := []string{"disable", "require", "verify-ca", "verify-full"}; !slices.Contains(modes, s.sslmode) {
		return fmt.Errorf("postgresql provider: sslmode %q is not one of %s", s.sslmode, strings.Join(modes, ", "))
	}
	if scheme := config.Text("scheme", "postgres"); scheme != "postgres" {
		return fmt.Errorf("postgresql provider: scheme %q is not implemented by the source-built plugin, which knows only "+
			"postgres", scheme)
	}
	// The official plugin reads password hashes as a superuser; this one never does, so either word is right.
	if _, err := config.Bool("superuser", true); err != nil {
		return err
	}
	var err error
	if s.connectTimeout, err = config.Int("connectTimeout", 180); err != nil {
		return err
	}
	connections, err := config.Int("maxConnections", 20)
	if err != nil {
		return err
	}
	if connections == 0 { // "unlimited"
		connections = 1000
	}
	connections = max(connections, 2) // a change of privileges holds its lock in one and works in another
	s.free = make(chan struct{}, connections)
	return nil
}

// connected calls do with a connection to a database.
func (s *server) connected(ctx context.Context, database string, do func(*pgx.Conn) error) error {
	select {
	case s.free <- struct{}{}:
		defer func() { <-s.free }()
	case <-ctx.Done():
		return ctx.Err()
	}
	config, err := pgx.ParseConfig(s.url(database))
	if err != nil {
		return fmt.Errorf("postgresql provider: %w", err) // pgx leaves the password out of its message
	}
	connection, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return s.explained(fmt.Errorf("could not connect to database %s: %w", database, err))
	}
	defer connection.Close(context.WithoutCancel(ctx)) //nolint:errcheck // all work on it is done
	return do(connection)
}

// explained adds what to do when the server's certificate is the reason.
func (s *server) explained(err error) error {
	var certificate *tls.CertificateVerificationError
	if !errors.As(err, &certificate) {
		return err
	}
	return fmt.Errorf("PostgreSQL at %s: its certificate is not accepted (%w): name the file of the authority that signed it "+
		"in PGSSLROOTCERT or TENANT_CA_FILE", net.JoinHostPort(s.host, s.port), err)
}

func (s *server) url(database string) string {
	options := url.Values{
		"sslmode":          {s.sslmode},
		"connect_timeout":  {strconv.Itoa(s.connectTimeout)},
		"application_name": {"pulumi-resource-postgresql"},
	}
	if s.sslrootcert != "" {
		options.Set("sslrootcert", s.sslrootcert)
	}
	host := net.JoinHostPort(s.host, s.port)
	if strings.HasPrefix(s.host, "/") { // the folder of a Unix socket
		options.Set("host", s.host)
		options.Set("port", s.port)
		host = ""
	}
	address := url.URL{
		Scheme: "postgres", User: url.UserPassword(s.username, s.password), Host: host, Path: "/" + database,
		RawQuery: options.Encode(),
	}
	return address.String()
}

// retryFor is how long an operation is tried again after an error that goes away by itself.
const retryFor = 30 * time.Second

// retried repeats do while it meets a concurrent change of the same catalog row.
func retried(ctx context.Context, do func() error) error {
	wait := 20 * time.Millisecond
	for deadline := time.Now().Add(retryFor); ; wait = min(2*wait, time.Second) {
		err := do()
		if err == nil || !isConcurrentChange(err) || time.Now().After(deadline) {
			return err
		}
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return errors.Join(err, ctx.Err())
		}
	}
}
