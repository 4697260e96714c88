package postgresql_test

import (
	"fmt"
	"strings"
	"testing"

	"tenant-storage/toolchain/plugins/plugintest"
	"tenant-storage/toolchain/plugins/postgresql"
)

func TestRoleDefaults(t *testing.T) {
	server, _ := start(t)
	role := server.Create(roleKind, props{"name": "plugin_defaults"})
	equal(t, "id", role.ID, "plugin_defaults")
	for name, want := range map[string]string{"encryptedPassword": "true", "inherit": "true", "validUntil": "infinity"} {
		equal(t, "input "+name, role.Inputs.Text(name), want)
	}
	for name, want := range map[string]string{
		"assumeRole": "", "bypassRowLevelSecurity": "false", "createDatabase": "false", "createRole": "false",
		"replication": "false", "superuser": "false", "roles": "[]", "searchPaths": "[]", "statementTimeout": "0",
		"idleInTransactionSessionTimeout": "0", "skipDropRole": "false", "skipReassignOwned": "false",
		"connectionLimit": "-1", "login": "false",
	} {
		equal(t, "state "+name, role.State.Text(name), want)
	}
	equal(t, "no change", role.Refresh() && len(role.Diff(props{"name": "plugin_defaults"})) == 0, true)
}

// Each property: set when the role is made, seen on the server, changed behind our back and seen, put right, taken away.
func TestRoleProperties(t *testing.T) {
	server, admin := start(t)
	server.Create(roleKind, props{"name": "plugin_group"})
	const attribute = "SELECT %s::text FROM pg_roles WHERE rolname = 'plugin_role'"
	const setting = "SELECT coalesce((SELECT c FROM pg_roles, unnest(rolconfig) c WHERE rolname = 'plugin_role' AND c LIKE '%s=%%'), '')"
	flag := func(column string) string { return fmt.Sprintf(attribute, column) }
	config := func(name string) string { return fmt.Sprintf(setting, name) }
	members := "SELECT coalesce(string_agg(roleid::regrole::text, ','), '') FROM pg_auth_members WHERE member = 'plugin_role'::regrole"
	for name, test := range map[string]struct {
		value       any
		query       string
		want, after string
		outside     string
	}{
		"login":                  {true, flag("rolcanlogin"), "true", "false", "NOLOGIN"},
		"inherit":                {false, flag("rolinherit"), "false", "true", "INHERIT"},
		"createDatabase":         {true, flag("rolcreatedb"), "true", "false", "NOCREATEDB"},
		"createRole":             {true, flag("rolcreaterole"), "true", "false", "NOCREATEROLE"},
		"superuser":              {true, flag("rolsuper"), "true", "false", "NOSUPERUSER"},
		"replication":            {true, flag("rolreplication"), "true", "false", "NOREPLICATION"},
		"bypassRowLevelSecurity": {true, flag("rolbypassrls"), "true", "false", "NOBYPASSRLS"},
		"connectionLimit":        {7, flag("rolconnlimit"), "7", "-1", "CONNECTION LIMIT 9"},
		"validUntil":             {"2040-01-02", flag("rolvaliduntil::date"), "2040-01-02", "infinity", "VALID UNTIL '2041-01-01'"},
		"statementTimeout":       {1500, config("statement_timeout"), "statement_timeout=1500", "", "SET statement_timeout TO '5s'"},
		"idleInTransactionSessionTimeout": {
			2500, config("idle_in_transaction_session_timeout"), "idle_in_transaction_session_timeout=2500", "",
			"RESET idle_in_transaction_session_timeout",
		},
		"searchPaths": {
			[]any{"one", "Two"}, config("search_path"), `search_path=one, "Two"`, "", "SET search_path TO three",
		},
		"assumeRole": {"plugin_group", config("role"), "role=plugin_group", "", "RESET role"},
		"roles":      {[]any{"plugin_group"}, members, "plugin_group", "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			server := server.In(t)
			plain := props{"name": "plugin_role"}
			set := plain.With(props{name: test.value})
			role := server.Create(roleKind, set)
			equal(t, "on the server", admin.query(t, "postgres", test.query), test.want)
			equal(t, "no change", role.Refresh() && len(role.Diff(set)) == 0, true)

			outside := "ALTER ROLE plugin_role " + test.outside
			if name == "roles" {
				outside = "REVOKE plugin_group FROM plugin_role"
			}
			admin.query(t, "postgres", outside)
			equal(t, "still there", role.Refresh(), true)
			equal(t, "outside change", changes(role.Diff(set)), name)
			noError(t, role.Update(set))
			equal(t, "put right", admin.query(t, "postgres", test.query), test.want)

			noError(t, role.Update(plain))
			equal(t, "taken away", admin.query(t, "postgres", test.query), test.after)
		})
	}
}

func TestRolePassword(t *testing.T) {
	server, admin := start(t)
	inputs := props{"name": "plugin_login", "login": true, "password": plugintest.Secret("it's \\ pä$$")}
	role := server.Create(roleKind, inputs)
	login := func(password string) string {
		return admin.as("plugin_login", strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(password)).query(t, "postgres", "SELECT 'in'")
	}
	equal(t, "login", login("it's \\ pä$$"), "in")
	contains(t, "stored", admin.query(t, "postgres", "SELECT rolpassword FROM pg_authid WHERE rolname = 'plugin_login'"),
		"SCRAM-SHA-256$4096:")
	equal(t, "password secret", role.State.IsSecret("password") && role.Inputs.IsSecret("password"), true)
	equal(t, "login secret", role.State.IsSecret("login"), false)

	// Not seen by a refresh, as with the official plugin.
	admin.query(t, "postgres", "ALTER ROLE plugin_login PASSWORD 'outside'")
	equal(t, "outside change", role.Refresh() && len(role.Diff(inputs)) == 0, true)

	changed := inputs.With(props{"password": plugintest.Secret("next")})
	equal(t, "change", changes(role.Diff(changed)), "password")
	noError(t, role.Update(changed))
	equal(t, "login with the next", login("next"), "in")
	contains(t, "login with the old", login("outside"), "password authentication failed")

	verifier := admin.query(t, "postgres", "SELECT rolpassword FROM pg_authid WHERE rolname = 'plugin_login'")
	noError(t, role.Update(inputs.With(props{"password": plugintest.Secret(verifier)})))
	equal(t, "login by a stored form", login("next"), "in")

	noError(t, role.Update(props{"name": "plugin_login", "login": true}))
	equal(t, "password taken away", admin.query(t, "postgres",
		"SELECT (rolpassword IS NULL)::text FROM pg_authid WHERE rolname = 'plugin_login'"), "true")
}

func TestRolePasswordThatIsNotStored(t *testing.T) {
	server, admin := start(t)
	inputs := props{"name": "plugin_wo", "login": true, "passwordWo": plugintest.Secret("one"), "passwordWoVersion": "1"}
	role := server.Create(roleKind, inputs)
	login := func(password string) string {
		return admin.as("plugin_wo", password).query(t, "postgres", "SELECT 'in'")
	}
	equal(t, "login", login("one"), "in")
	equal(t, "in the state", role.State.Text("passwordWo"), "")
	other := inputs.With(props{"passwordWo": plugintest.Secret("two")})
	equal(t, "change without a version", changes(role.Diff(other)), "")
	other["passwordWoVersion"] = "2"
	equal(t, "change with one", changes(role.Diff(other)), "passwordWoVersion")
	noError(t, role.Update(other))
	equal(t, "login with the next", login("two"), "in")
}

func TestPasswordsStayOffTheWireAndOutOfErrors(t *testing.T) {
	admin := env(t)
	if sslmode() != "disable" {
		t.Skip("what is sent can only be read without TLS: npm test")
	}
	tap := tapTo(t, admin.host+":"+admin.port)
	server := plugintest.Start(t, postgresql.New(), admin.config().With(props{"host": tap.host, "port": tap.port}))
	inputs := props{"name": "plugin_quiet", "password": plugintest.Secret("hidden-word")}
	role := server.Create(roleKind, inputs)
	noError(t, role.Update(inputs.With(props{"password": plugintest.Secret("hidden-word-2")})))
	_, err := server.TryCreate(roleKind, inputs) // the name is taken
	contains(t, "error", fmt.Sprint(err), "error creating role plugin_quiet")
	for _, part := range []string{"hidden-word", "SCRAM"} {
		equal(t, part+" in the error", strings.Contains(fmt.Sprint(err), part), false)
	}
	contains(t, "what was sent", tap.sent(), `ALTER ROLE "plugin_quiet" PASSWORD 'SCRAM-SHA-256$`)
	equal(t, "password sent", strings.Contains(tap.sent(), "hidden-word"), false)
}

func TestRoleRenameAndDelete(t *testing.T) {
	server, admin := start(t)
	role := server.Create(roleKind, props{"name": "plugin_before", "login": true, "password": plugintest.Secret("x")})
	renamed := props{"name": "plugin_after", "login": true, "password": plugintest.Secret("x")}
	equal(t, "change", changes(role.Diff(renamed)), "name")
	noError(t, role.Update(renamed))
	equal(t, "login", admin.as("plugin_after", "x").query(t, "postgres", "SELECT 'in'"), "in")
	equal(t, "no change", role.Refresh() && len(role.Diff(renamed)) == 0, true)

	admin.query(t, "postgres", "CREATE TABLE IF NOT EXISTS plugin_owned ()")
	admin.query(t, "postgres", "ALTER TABLE plugin_owned OWNER TO plugin_after")
	noError(t, role.Update(renamed.With(props{"skipReassignOwned": true})))
	contains(t, "deleted while it owns", fmt.Sprint(role.Delete()),
		`could not delete role plugin_after: ERROR: role "plugin_after" cannot be dropped because some objects depend on it`)
	noError(t, role.Update(renamed.With(props{"skipDropRole": true})))
	noError(t, role.Delete())
	equal(t, "role kept", admin.query(t, "postgres", "SELECT count(*) FROM pg_roles WHERE rolname = 'plugin_after'"), "1")
	noError(t, role.Update(renamed))
	noError(t, role.Delete())
	defer admin.query(t, "postgres", "DROP TABLE plugin_owned")
	equal(t, "the table's owner", admin.query(t, "postgres", "SELECT tableowner FROM pg_tables WHERE tablename = 'plugin_owned'"), admin.user)
	equal(t, "still there", role.Refresh(), false)
	noError(t, role.Delete())
}
