package postgresql_test

import (
	"fmt"
	"testing"

	"github.com/jackc/pgx/v5"
)

func TestDatabase(t *testing.T) {
	server, admin := start(t)
	server.Create(roleKind, props{"name": "plugin_owner"})
	server.Create(roleKind, props{"name": "plugin_owner2"})
	inputs := props{"name": "plugin_db", "owner": "plugin_owner"}
	database := server.Create(databaseKind, inputs)
	equal(t, "id", database.ID, "plugin_db")
	for name, want := range map[string]string{
		"owner": "plugin_owner", "template": "template0", "encoding": "UTF8", "tablespaceName": "pg_default",
		"allowConnections": "true", "isTemplate": "false", "connectionLimit": "-1", "alterObjectOwnership": "false",
		"lcCollate": admin.query(t, "postgres", "SELECT datcollate FROM pg_database WHERE datname = 'template0'"),
	} {
		equal(t, "state "+name, database.State.Text(name), want)
	}
	equal(t, "input allowConnections", database.Inputs.Text("allowConnections"), "true")
	equal(t, "no change", database.Refresh() && len(database.Diff(inputs)) == 0, true)
	for _, name := range []string{"encoding", "lcCollate", "lcCtype", "template"} {
		equal(t, "change of "+name, changes(database.Diff(inputs.With(props{name: "other"}))), name+"!")
	}

	server.Create(roleKind, props{"name": "plugin_member", "roles": []any{"plugin_owner"}})
	admin.query(t, "plugin_db", "CREATE TABLE things ()")
	admin.query(t, "plugin_db", "ALTER TABLE things OWNER TO plugin_owner")
	owner := func() string {
		return admin.query(t, "plugin_db", "SELECT tableowner FROM pg_tables WHERE tablename = 'things'")
	}
	noError(t, database.Update(inputs.With(props{"owner": "plugin_owner2"})))
	equal(t, "objects stay", owner(), "plugin_owner")
	noError(t, database.Update(inputs))
	noError(t, database.Update(inputs.With(props{"owner": "plugin_owner2", "alterObjectOwnership": true})))
	equal(t, "objects go along", owner(), "plugin_owner2")

	limited := inputs.With(props{"owner": "plugin_owner2", "connectionLimit": 5, "isTemplate": true, "allowConnections": false})
	noError(t, database.Update(limited))
	const settings = "SELECT datconnlimit || ' ' || datistemplate || ' ' || datallowconn FROM pg_database WHERE datname = 'plugin_db'"
	equal(t, "on the server", admin.query(t, "postgres", settings), "5 true false")
	admin.query(t, "postgres", "ALTER DATABASE plugin_db CONNECTION LIMIT 9 IS_TEMPLATE false ALLOW_CONNECTIONS true")
	admin.query(t, "postgres", "ALTER DATABASE plugin_db OWNER TO plugin_owner")
	equal(t, "still there", database.Refresh(), true)
	equal(t, "outside change", changes(database.Diff(limited)), "allowConnections connectionLimit isTemplate owner")
	noError(t, database.Update(limited))
	equal(t, "put right", admin.query(t, "postgres", settings), "5 true false")
	noError(t, database.Update(limited.With(props{"name": "plugin_db2"})))
	noError(t, database.Delete())
	equal(t, "still there", database.Refresh(), false)
	noError(t, database.Delete())
}

func TestDatabaseSettingsAtCreation(t *testing.T) {
	server, admin := start(t)
	server.Create(databaseKind, props{
		"name": "plugin_settings", "template": "template0", "encoding": "LATIN1", "lcCollate": "C", "lcCtype": "C",
		"tablespaceName": "DEFAULT", "connectionLimit": 3, "owner": admin.user,
	})
	equal(t, "on the server", admin.query(t, "postgres", `SELECT pg_encoding_to_char(encoding) || ' ' || datcollate || ' ' ||
		datctype || ' ' || datconnlimit FROM pg_database WHERE datname = 'plugin_settings'`), "LATIN1 C C 3")
	_, err := server.TryCreate(databaseKind, props{"name": "plugin_settings"})
	contains(t, "again", fmt.Sprint(err), "error creating database plugin_settings: ERROR: database")
	_, err = server.TryCreate(databaseKind, props{"name": "plugin_odd", "encoding": "NONE'; --"})
	contains(t, "odd encoding", fmt.Sprint(err), "NONE'; --")
	equal(t, "odd", admin.query(t, "postgres", "SELECT count(*) FROM pg_database WHERE datname = 'plugin_odd'"), "0")
}

func TestDroppingADatabaseEndsItsSessions(t *testing.T) {
	server, admin := start(t)
	database := server.Create(databaseKind, props{"name": "plugin_busy"})
	session, err := pgx.Connect(t.Context(), fmt.Sprintf("host=%s port=%s user=%s password='%s' dbname=plugin_busy sslmode=%s",
		admin.host, admin.port, admin.user, admin.password, sslmode()))
	noError(t, err)
	noError(t, database.Delete())
	_, err = session.Exec(t.Context(), "SELECT 1")
	equal(t, "session", err != nil, true)
}

func TestDestroyOrderOfRoleAndDatabase(t *testing.T) {
	server, _ := start(t)
	role := server.Create(roleKind, props{"name": "plugin_tenant"})
	database := server.Create(databaseKind, props{"name": "plugin_tenant", "owner": "plugin_tenant"})
	server.Create(grantKind, props{
		"role": "plugin_tenant", "database": "plugin_tenant", "schema": "public", "objectType": "schema", "privileges": []any{"USAGE"},
	})
	contains(t, "role first", fmt.Sprint(role.Delete()), "cannot be dropped because some objects depend on it")
	noError(t, database.Delete())
	noError(t, role.Delete())
}
