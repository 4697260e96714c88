package postgresql_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"tenant-storage/toolchain/plugins/plugintest"
	"tenant-storage/toolchain/plugins/postgresql"
)

type props = plugintest.Props

const (
	roleKind     = "index/role:Role"
	databaseKind = "index/database:Database"
	grantKind    = "index/grant:Grant"
	defaultsKind = "index/defaultPrivileges:DefaultPrivileges"
)

// target is where the tests connect, as anybody.
type target struct{ host, port, user, password string }

func env(t *testing.T) target {
	t.Helper()
	return target{
		plugintest.Env(t, "PGHOST"), plugintest.Env(t, "PGPORT"), plugintest.Env(t, "PGUSER"), plugintest.Env(t, "PGPASSWORD"),
	}
}

func (a target) config() props {
	return props{"host": a.host, "port": a.port, "username": a.user, "password": a.password, "sslmode": sslmode()}
}

// oneSided is what happens when the plugin speaks TLS and the server does not, or the other way round. Without a word about TLS
// the plugin demands it.
func oneSided() failure {
	if sslmode() == "disable" {
		return failure{props{"sslmode": nil}, "TLS"}
	}
	return failure{props{"sslmode": "disable"}, "no encryption"}
}

// failure is a changed configuration and what the error then says.
type failure struct {
	change props
	want   string
}

// sslmode is what the tests' server speaks; PGSSLROOTCERT names its authority.
func sslmode() string {
	if mode := os.Getenv("TEST_SSLMODE"); mode != "" {
		return mode
	}
	return "disable"
}

func start(t *testing.T) (*plugintest.Server, target) {
	t.Helper()
	admin := env(t)
	return plugintest.Start(t, postgresql.New(), admin.config()), admin
}

func (a target) as(user, password string) target {
	a.user, a.password = user, password
	return a
}

// query returns the first column of the first row as text, or the error's text.
func (a target) query(t *testing.T, database, sql string, args ...any) string {
	t.Helper()
	connection, err := pgx.Connect(t.Context(), fmt.Sprintf("host=%s port=%s user=%s password='%s' dbname=%s sslmode=%s",
		a.host, a.port, a.user, a.password, database, sslmode()))
	if err != nil {
		return err.Error()
	}
	defer connection.Close(t.Context()) //nolint:errcheck // a test
	rows, err := connection.Query(t.Context(), sql, args...)
	if err != nil {
		return err.Error()
	}
	values, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (string, error) {
		all, err := row.Values()
		if err != nil || len(all) == 0 {
			return "", err
		}
		return fmt.Sprint(all[0]), nil
	})
	if err != nil {
		return err.Error()
	}
	return strings.Join(values, ",")
}

func equal[T comparable](t *testing.T, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Errorf("%s is %v, want %v", what, got, want)
	}
}

func noError(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func contains(t *testing.T, what, got, part string) {
	t.Helper()
	if !strings.Contains(got, part) {
		t.Errorf("%s is %q, want %q in it", what, got, part)
	}
}

func changes(list []string) string { return strings.Join(list, " ") }

func TestConfig(t *testing.T) {
	admin := env(t)
	server := plugintest.Unconfigured(t, postgresql.New())
	stored, failures := server.CheckConfig(admin.config().With(props{"connectTimeout": "180", "superuser": "true"}))
	equal(t, "failures", len(failures), 0)
	equal(t, "password secret", stored.IsSecret("password"), true)
	_, failures = server.CheckConfig(props{"awsRdsIamAuth": "true"})
	contains(t, "refusal", changes(failures), "awsRdsIamAuth: not implemented by the source-built postgresql plugin")

	for name, test := range map[string]failure{
		"sslmode":        {props{"sslmode": "prefer"}, `sslmode "prefer" is not one of`},
		"former sslMode": {props{"sslmode": nil, "sslMode": "prefer"}, `sslmode "prefer" is not one of`},
		"scheme":         {props{"scheme": "awspostgres"}, `scheme "awspostgres" is not implemented`},
		"port":           {props{"connectTimeout": "soon"}, "connectTimeout"},
		"superuser":      {props{"superuser": "perhaps"}, "superuser"},
	} {
		err := plugintest.Unconfigured(t, postgresql.New()).Configure(admin.config().With(test.change))
		contains(t, name, fmt.Sprint(err), test.want)
	}
	for name, test := range map[string]failure{
		"wrong password": {props{"password": "hidden-word"}, "password authentication failed"},
		"down":           {props{"port": "1"}, "connection refused"},
		"no such base":   {props{"database": "plugin_none"}, `database "plugin_none" does not exist`},
		"TLS, or none":   oneSided(),
		"no authority":   {props{"sslmode": "verify-ca", "sslrootcert": "/nonexistent"}, "/nonexistent"},
	} {
		server := plugintest.Start(t, postgresql.New(), admin.config().With(test.change))
		_, err := server.TryCreate(roleKind, props{"name": "plugin_unreachable"})
		contains(t, name, fmt.Sprint(err), test.want)
		equal(t, "password in the error of "+name, strings.Contains(fmt.Sprint(err), "hidden-word"), false)
	}
}

func TestConfigFromTheEnvironment(t *testing.T) {
	env(t)
	t.Setenv("PGSSLMODE", sslmode())
	server := plugintest.Start(t, postgresql.New(), props{"maxConnections": "1"})
	server.Create(roleKind, props{"name": "plugin_env"})
	database := server.Create(databaseKind, props{"name": "plugin_env"})
	// A grant inside a database takes two connections, even where one is allowed.
	server.Create(grantKind, props{
		"role": "plugin_env", "database": database.ID, "schema": "public", "objectType": "schema", "privileges": []any{"USAGE"},
	})
}

func TestRefusals(t *testing.T) {
	server, _ := start(t)
	grant := props{"role": "r", "database": "d", "objectType": "database", "privileges": []any{"CONNECT"}}
	defaults := grant.With(props{"owner": "o", "objectType": "table", "privileges": []any{"SELECT"}})
	for name, test := range map[string]struct {
		kind   string
		inputs props
		want   string
	}{
		"other resource":       {"index/extension:Extension", props{}, "not implemented by the source-built postgresql plugin"},
		"role without a name":  {roleKind, props{}, "name: "},
		"encrypted":            {roleKind, props{"name": "r", "encrypted": "x"}, "encrypted: not implemented"},
		"unencrypted password": {roleKind, props{"name": "r", "encryptedPassword": false}, "encryptedPassword: "},
		"two passwords":        {roleKind, props{"name": "r", "password": "a", "passwordWo": "b", "passwordWoVersion": "1"}, "passwordWo: conflicts"},
		"password, no version": {roleKind, props{"name": "r", "passwordWo": "b"}, "passwordWo: goes together"},
		"columns":              {grantKind, grant.With(props{"columns": []any{"c"}}), "columns: not implemented"},
		"object type":          {grantKind, grant.With(props{"objectType": "foreign_server", "schema": "s"}), "objectType: "},
		"injected privilege":   {grantKind, grant.With(props{"privileges": []any{"CONNECT ON DATABASE x TO y; --"}}), "privileges: "},
		"privilege of a table": {grantKind, grant.With(props{"privileges": []any{"SELECT"}}), "privileges: "},
		"schema of a database": {grantKind, grant.With(props{"schema": "public"}), "schema: "},
		"no schema":            {grantKind, grant.With(props{"objectType": "schema", "privileges": []any{"USAGE"}}), "schema: "},
		"objects of a schema":  {grantKind, grant.With(props{"objects": []any{"o"}}), "objects: "},
		"public may not grant": {grantKind, grant.With(props{"role": "public", "withGrantOption": true}), "withGrantOption: "},
		"default of a schema":  {defaultsKind, defaults.With(props{"objectType": "schema", "schema": "s", "privileges": []any{}}), "schema: "},
		"default object type":  {defaultsKind, defaults.With(props{"objectType": "database"}), "objectType: "},
		"default for public":   {defaultsKind, defaults.With(props{"role": "public", "withGrantOption": true}), "withGrantOption: "},
	} {
		t.Run(name, func(t *testing.T) {
			server := server.In(t)
			_, failures := server.Check(test.kind, test.inputs)
			equal(t, "failures", len(failures), 1)
			contains(t, "refusal", changes(failures), test.want)
		})
	}
}

func TestPreviewAsksNoServer(t *testing.T) {
	server := plugintest.Start(t, postgresql.New(), env(t).config().With(props{"port": "1"}))
	role := server.PreviewCreate(roleKind, props{"name": "plugin_preview", "password": plugintest.Unknown()})
	equal(t, "password", role.IsSecret("password"), true)
	server.PreviewCreate(databaseKind, props{"name": "plugin_preview", "owner": plugintest.Unknown()})
	server.PreviewCreate(grantKind, props{
		"role": "public", "database": plugintest.Unknown(), "objectType": "database", "privileges": []any{},
	})
	server.PreviewCreate(defaultsKind, props{
		"role": "r", "database": plugintest.Unknown(), "owner": "o", "objectType": "table", "privileges": []any{"SELECT"},
	})
}
