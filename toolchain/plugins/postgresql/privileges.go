package postgresql

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
	pulumi "github.com/pulumi/pulumi-go-provider"
	"github.com/pulumi/pulumi/sdk/v3/go/property"

	"tenant-storage/toolchain/plugins/plugin"
)

// grantPrivileges are the privileges there are, by object type. Types that are missing are not implemented.
var grantPrivileges = map[string][]string{
	"database": {"CONNECT", "CREATE", "TEMPORARY"},
	"schema":   {"CREATE", "USAGE"},
	"table":    {"DELETE", "INSERT", "REFERENCES", "SELECT", "TRIGGER", "TRUNCATE", "UPDATE"},
	"sequence": {"SELECT", "UPDATE", "USAGE"},
}

const allPrivileges = "ALL"

// checkPrivileges refuses object types and privileges that do not exist: they go into statements as they are.
func checkPrivileges(objectType string, privileges []string, known map[string][]string) []pulumi.CheckFailure {
	possible, ok := known[objectType]
	if !ok {
		types := make([]string, 0, len(known))
		for name := range known {
			types = append(types, name)
		}
		slices.Sort(types)
		return []pulumi.CheckFailure{{Property: "objectType", Reason: fmt.Sprintf(
			"is %q; the source-built postgresql plugin implements %s", objectType, strings.Join(types, ", "))}}
	}
	failures := []pulumi.CheckFailure{}
	for _, privilege := range privileges {
		if privilege != allPrivileges && !slices.Contains(possible, privilege) {
			failures = append(failures, pulumi.CheckFailure{Property: "privileges", Reason: fmt.Sprintf(
				"%q is no privilege on a %s: %s or ALL", privilege, objectType, strings.Join(possible, ", "))})
		}
	}
	return failures
}

// privileges reads what the role has. For tables and sequences it is what the first object has that differs from what
// is wanted: one wrong object is enough to repair them all.
func (g *grant) privileges(ctx context.Context, args grantArgs) ([]string, error) {
	database, query, parameters := args.Database, "", []any{args.Role}
	switch args.ObjectType {
	case "database":
		database = g.database
		query = aclQuery("SELECT datname, datacl, datdba FROM pg_database WHERE datname = $2", "d")
		parameters = append(parameters, args.Database)
	case "schema":
		query = aclQuery("SELECT nspname, nspacl, nspowner FROM pg_namespace WHERE nspname = $2", "n")
		parameters = append(parameters, plugin.Or(args.Schema, ""))
	default:
		kinds, letter := "rpvmf", "r" // tables, partitioned and foreign ones, and views: what ALL TABLES means
		if args.ObjectType == "sequence" {
			kinds, letter = "S", "s"
		}
		query = aclQuery(`SELECT relname, relacl, relowner FROM pg_class
			WHERE relnamespace = $2::text::regnamespace AND position(relkind IN '`+kinds+`') > 0
				AND (cardinality($3::text[]) = 0 OR relname = ANY ($3))`, letter)
		parameters = append(parameters, identifier(plugin.Or(args.Schema, "")), append([]string{}, args.Objects...))
	}
	actual := args.Privileges // no object, no difference
	err := g.connected(ctx, database, func(connection *pgx.Conn) error {
		rows, err := connection.Query(ctx, query, parameters...)
		if err != nil {
			return err
		}
		objects, err := pgx.CollectRows(rows, pgx.RowTo[[]string])
		if err != nil {
			return err
		}
		for _, have := range objects {
			if !samePrivileges(args.Privileges, have, grantPrivileges[args.ObjectType]) {
				actual = have
				break
			}
		}
		return nil
	})
	return actual, err
}

// aclQuery makes a query for the sorted privileges that role $1 has on each of the objects (name, acl, owner). Without
// an acl PostgreSQL applies the default of the kind of object.
func aclQuery(objects, kind string) string {
	return `SELECT ARRAY(
			SELECT DISTINCT privilege_type FROM aclexplode(coalesce(object.acl, acldefault('` + kind + `', object.owner)))
			WHERE grantee = CASE WHEN lower($1) = 'public' THEN 0 ELSE (SELECT oid FROM pg_roles WHERE rolname = $1) END
			ORDER BY privilege_type)
		FROM (` + objects + `) AS object (name, acl, owner)`
}

// targetExists reports whether the role, the database and the schema are there. Role "public" and no schema always are.
func (s *server) targetExists(ctx context.Context, role, database, schema string) (bool, error) {
	exists := false
	err := s.connected(ctx, s.database, func(connection *pgx.Conn) (err error) {
		exists, err = found(ctx, connection, `SELECT FROM pg_database WHERE datname = $1
			AND (lower($2) = 'public' OR EXISTS (SELECT FROM pg_roles WHERE rolname = $2))`, database, role)
		return err
	})
	if err != nil || !exists || schema == "" {
		return exists, err
	}
	err = s.connected(ctx, database, func(connection *pgx.Conn) (err error) {
		exists, err = found(ctx, connection, "SELECT FROM pg_namespace WHERE nspname = $1", schema)
		return err
	})
	return exists, err
}

// samePrivileges compares without order, and takes ALL for every privilege there is.
func samePrivileges(wanted, actual, possible []string) bool {
	if slices.Contains(wanted, allPrivileges) {
		wanted = possible
	}
	return slices.Equal(slices.Sorted(slices.Values(wanted)), slices.Sorted(slices.Values(actual)))
}

func grantOption(with *bool) string {
	if plugin.Or(with, false) {
		return " WITH GRANT OPTION"
	}
	return ""
}

// anyUnknown reports whether a preview does not know one of the properties yet.
func anyUnknown(inputs property.Map, names ...string) bool {
	return slices.ContainsFunc(names, func(name string) bool { return inputs.Get(name).HasComputed() })
}
