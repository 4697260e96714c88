package postgresql_test

import "testing"

// What somebody else made is read by its name alone, and is no change to a program that says the same.
func TestImport(t *testing.T) {
	server, admin := start(t)
	admin.query(t, "postgres", "CREATE ROLE plugin_import LOGIN CONNECTION LIMIT 3 VALID UNTIL '2040-01-02'")
	role, err := server.Import(roleKind, "plugin_import")
	noError(t, err)
	t.Cleanup(func() { _ = role.Delete() })
	wanted := props{"name": "plugin_import", "login": true, "connectionLimit": 3, "validUntil": role.State.Text("validUntil")}
	equal(t, "change of the role", changes(role.Diff(wanted)), "")
	equal(t, "checked again", role.Inputs.Text("inherit")+role.Inputs.Text("encryptedPassword"), "truetrue")
	equal(t, "password", changes(role.Diff(wanted.With(props{"password": "secret"}))), "password")
	absent, err := server.Import(roleKind, "plugin_absent")
	noError(t, err)
	equal(t, "absent role", absent == nil, true)

	admin.query(t, "postgres", "CREATE DATABASE plugin_import TEMPLATE template0 OWNER plugin_import CONNECTION LIMIT 7")
	database, err := server.Import(databaseKind, "plugin_import")
	noError(t, err)
	t.Cleanup(func() { _ = database.Delete() })
	equal(t, "template", database.State.Text("template"), "template0")
	same := props{"name": "plugin_import", "connectionLimit": 7}
	equal(t, "change of the database", changes(database.Diff(same)), "")
	equal(t, "checked again", database.Inputs.Text("allowConnections"), "true")
	// A program that names another template would replace the database, unless it says that this is to be ignored.
	equal(t, "another template", changes(database.Diff(same.With(props{"template": "other"}))), "template!")
	equal(t, "template ignored", changes(database.Diff(same, "template")), "")
	equal(t, "another owner", changes(database.Diff(same.With(props{"owner": "other"}), "template")), "owner")
	absent, err = server.Import(databaseKind, "plugin_absent")
	noError(t, err)
	equal(t, "absent database", absent == nil, true)
}
