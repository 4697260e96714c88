package postgresql_test

import (
	"fmt"
	"sync"
	"testing"

	"tenant-storage/toolchain/plugins/plugintest"
	"tenant-storage/toolchain/plugins/postgresql"
)

func TestGrants(t *testing.T) {
	server, admin := start(t)
	server.Create(roleKind, props{"name": "plugin_grantee"})
	server.Create(databaseKind, props{"name": "plugin_grants"})
	admin.query(t, "plugin_grants", "CREATE TABLE one ()")
	admin.query(t, "plugin_grants", "CREATE TABLE two ()")
	admin.query(t, "plugin_grants", "CREATE SEQUENCE numbers")
	base := props{"role": "plugin_grantee", "database": "plugin_grants"}
	for name, test := range map[string]struct {
		inputs  props
		id      string
		stored  string
		query   string // true while all of the privileges are there
		outside string
	}{
		"database": {
			base.With(props{"objectType": "database", "privileges": []any{"TEMPORARY", "CONNECT"}}),
			"plugin_grantee_plugin_grants_database", "[CONNECT TEMPORARY]",
			"SELECT has_database_privilege('plugin_grantee', 'plugin_grants', 'TEMPORARY')::text",
			"REVOKE TEMPORARY ON DATABASE plugin_grants FROM plugin_grantee",
		},
		"schema": {
			base.With(props{"objectType": "schema", "schema": "public", "privileges": []any{"USAGE", "CREATE"}}),
			"plugin_grantee_plugin_grants_public_schema", "[CREATE USAGE]",
			"SELECT has_schema_privilege('plugin_grantee', 'public', 'CREATE')::text",
			"REVOKE CREATE ON SCHEMA public FROM plugin_grantee",
		},
		"tables": {
			base.With(props{"objectType": "table", "schema": "public", "privileges": []any{"SELECT"}}),
			"plugin_grantee_plugin_grants_public_table", "[SELECT]",
			"SELECT (has_table_privilege('plugin_grantee', 'one', 'SELECT') AND has_table_privilege('plugin_grantee', 'two', 'SELECT'))::text",
			"GRANT INSERT ON two TO plugin_grantee",
		},
		"all of one table": {
			base.With(props{"objectType": "table", "schema": "public", "objects": []any{"two"}, "privileges": []any{"ALL"}}),
			"plugin_grantee_plugin_grants_public_table_two", "[ALL]",
			"SELECT (has_table_privilege('plugin_grantee', 'two', 'TRUNCATE') AND NOT has_table_privilege('plugin_grantee', 'one', 'SELECT'))::text",
			"REVOKE DELETE ON two FROM plugin_grantee",
		},
		"sequences": {
			base.With(props{"objectType": "sequence", "schema": "public", "privileges": []any{"USAGE"}, "withGrantOption": true}),
			"plugin_grantee_plugin_grants_public_sequence", "[USAGE]",
			"SELECT has_sequence_privilege('plugin_grantee', 'numbers', 'USAGE WITH GRANT OPTION')::text",
			"REVOKE USAGE ON SEQUENCE numbers FROM plugin_grantee",
		},
	} {
		t.Run(name, func(t *testing.T) {
			server := server.In(t)
			// What every role may do would hide what this one may.
			admin.query(t, "postgres", "REVOKE ALL ON DATABASE plugin_grants FROM PUBLIC")
			grant := server.Create(grantKind, test.inputs)
			equal(t, "id", grant.ID, test.id)
			equal(t, "stored", grant.State.Text("privileges"), test.stored)
			equal(t, "on the server", admin.query(t, "plugin_grants", test.query), "true")
			equal(t, "no change", grant.Refresh() && len(grant.Diff(test.inputs)) == 0, true)
			admin.query(t, "plugin_grants", test.outside)
			equal(t, "still there", grant.Refresh(), true)
			equal(t, "outside change", changes(grant.Diff(test.inputs)), "privileges")
			noError(t, grant.Update(test.inputs))
			equal(t, "put right", grant.Refresh() && len(grant.Diff(test.inputs)) == 0, true)
			equal(t, "change of the role", changes(grant.Diff(test.inputs.With(props{"role": "other"}))), "role!")
			noError(t, grant.Delete())
			equal(t, "revoked", admin.query(t, "plugin_grants", test.query), "false")
		})
	}
}

func TestRevokingFromPublic(t *testing.T) {
	server, admin := start(t)
	server.Create(roleKind, props{"name": "plugin_anyone"})
	database := server.Create(databaseKind, props{"name": "plugin_public"})
	inputs := props{"role": "public", "database": "plugin_public", "objectType": "database", "privileges": []any{}}
	may := "SELECT has_database_privilege('plugin_anyone', 'plugin_public', 'CONNECT')::text"
	equal(t, "before", admin.query(t, "postgres", may), "true")
	grant := server.Create(grantKind, inputs)
	equal(t, "after", admin.query(t, "postgres", may), "false")
	equal(t, "id", grant.ID, "public_plugin_public_database")
	equal(t, "no change", grant.Refresh() && len(grant.Diff(inputs)) == 0, true)
	admin.query(t, "postgres", "GRANT CONNECT ON DATABASE plugin_public TO PUBLIC")
	equal(t, "still there", grant.Refresh(), true)
	equal(t, "outside change", changes(grant.Diff(inputs)), "privileges")
	noError(t, grant.Update(inputs))
	equal(t, "put right", admin.query(t, "postgres", may), "false")
	noError(t, database.Delete())
	equal(t, "grant of a database that is gone", grant.Refresh(), false)
	noError(t, grant.Delete())
}

func TestDefaultPrivileges(t *testing.T) {
	server, admin := start(t)
	server.Create(roleKind, props{"name": "plugin_reader"})
	server.Create(roleKind, props{"name": "plugin_writer"})
	server.Create(databaseKind, props{"name": "plugin_future", "owner": "plugin_writer"})
	base := props{"role": "plugin_reader", "database": "plugin_future", "owner": "plugin_writer", "schema": "public"}
	for name, test := range map[string]struct {
		inputs     props
		id, stored string
		acl        string
	}{
		"tables": {
			base.With(props{"objectType": "table", "privileges": []any{"SELECT", "INSERT"}, "withGrantOption": true}),
			"plugin_reader_plugin_future_public_plugin_writer_table", "[INSERT SELECT]", "plugin_reader=a*r*/plugin_writer",
		},
		"sequences everywhere": {
			base.With(props{"objectType": "sequence", "schema": nil, "privileges": []any{"ALL"}}),
			"plugin_reader_plugin_future_noschema_plugin_writer_sequence", "[ALL]", "plugin_reader=rwU/plugin_writer",
		},
		"functions": {
			base.With(props{"objectType": "function", "privileges": []any{"EXECUTE"}}),
			"plugin_reader_plugin_future_public_plugin_writer_function", "[EXECUTE]", "plugin_reader=X/plugin_writer",
		},
		"types": {
			base.With(props{"objectType": "type", "privileges": []any{"USAGE"}}),
			"plugin_reader_plugin_future_public_plugin_writer_type", "[USAGE]", "plugin_reader=U/plugin_writer",
		},
		"schemas": {
			base.With(props{"objectType": "schema", "schema": nil, "privileges": []any{"USAGE"}}),
			"plugin_reader_plugin_future_noschema_plugin_writer_schema", "[USAGE]", "plugin_reader=U/plugin_writer",
		},
	} {
		t.Run(name, func(t *testing.T) {
			server := server.In(t)
			defaults := server.Create(defaultsKind, test.inputs)
			equal(t, "id", defaults.ID, test.id)
			equal(t, "stored", defaults.State.Text("privileges"), test.stored)
			acls := "SELECT coalesce(string_agg(defaclacl::text, ';'), '') FROM pg_default_acl"
			contains(t, "on the server", admin.query(t, "plugin_future", acls), test.acl)
			equal(t, "no change", defaults.Refresh() && len(defaults.Diff(test.inputs)) == 0, true)
			none := test.inputs.With(props{"privileges": []any{}})
			equal(t, "change", changes(defaults.Diff(none)), "privileges")
			noError(t, defaults.Update(none))
			equal(t, "no default", defaults.Refresh() && len(defaults.Diff(none)) == 0, true)
			noError(t, defaults.Update(test.inputs))
			noError(t, defaults.Delete())
			equal(t, "still there", defaults.Refresh(), false)
			noError(t, defaults.Delete())
		})
	}
}

// A hosted server's admin is no superuser: it may only touch what belongs to roles it is a member of.
func TestAdminThatIsNoSuperuser(t *testing.T) {
	server, admin := start(t)
	server.Create(roleKind, props{
		"name": "plugin_admin", "login": true, "password": plugintest.Secret("x"), "createRole": true, "createDatabase": true,
	})
	config := admin.config().With(props{"username": "plugin_admin", "password": "x", "superuser": "false"})
	hosted := plugintest.Start(t, postgresql.New(), config)
	role := hosted.Create(roleKind, props{"name": "plugin_hosted"})
	database := hosted.Create(databaseKind, props{"name": "plugin_hosted", "owner": "plugin_hosted"})
	hosted.Create(defaultsKind, props{
		"role": "plugin_admin", "database": "plugin_hosted", "owner": "plugin_hosted", "objectType": "table",
		"privileges": []any{"SELECT"},
	})
	grant := hosted.Create(grantKind, props{
		"role": "public", "database": "plugin_hosted", "objectType": "database", "privileges": []any{},
	})
	equal(t, "membership afterwards", admin.query(t, "postgres", `SELECT count(*) FROM pg_auth_members
		WHERE roleid = 'plugin_hosted'::regrole AND member = 'plugin_admin'::regrole`), "0")
	noError(t, grant.Delete())
	noError(t, database.Delete())
	noError(t, role.Delete())
}

func TestManyAtOnce(t *testing.T) {
	server, admin := start(t)
	other := plugintest.Start(t, postgresql.New(), admin.config()) // another stack, in another process for all it knows
	var all sync.WaitGroup
	for n := range 12 {
		all.Go(func() {
			name := fmt.Sprintf("plugin_many_%d", n)
			mine := server
			if n%2 == 0 {
				mine = other
			}
			role, err := mine.TryCreate(roleKind, props{"name": name, "login": true})
			if err != nil {
				t.Error(err)
				return
			}
			database, err := mine.TryCreate(databaseKind, props{"name": name, "owner": name})
			if err != nil {
				t.Error(err)
				return
			}
			for _, inputs := range []props{
				{"role": "public", "database": name, "objectType": "database", "privileges": []any{}},
				{"role": name, "database": name, "objectType": "database", "privileges": []any{"CONNECT"}},
				{"role": "public", "database": name, "objectType": "schema", "schema": "public", "privileges": []any{}},
			} {
				if _, err := mine.TryCreate(grantKind, inputs); err != nil {
					t.Error(err)
				}
			}
			for _, instance := range []*plugintest.Instance{database, role} {
				if err := instance.Delete(); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
}
