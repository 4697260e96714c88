package postgresql

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
	pulumi "github.com/pulumi/pulumi-go-provider"
	"github.com/pulumi/pulumi-go-provider/infer"

	"tenant-storage/toolchain/plugins/plugin"
)

// defaultPrivileges is `postgresql.DefaultPrivileges`: what a role may do with objects that an owner will make. Its id
// is `{role}_{database}_{schema}_{owner}_{objectType}`, with "noschema" for every schema.
type defaultPrivileges struct{ *server }

type defaultPrivilegesArgs struct {
	Role            string   `pulumi:"role" provider:"replaceOnChanges"` // "public": every role
	Database        string   `pulumi:"database" provider:"replaceOnChanges"`
	Owner           string   `pulumi:"owner" provider:"replaceOnChanges"`
	Schema          *string  `pulumi:"schema,optional" provider:"replaceOnChanges"`
	ObjectType      string   `pulumi:"objectType" provider:"replaceOnChanges"`
	Privileges      []string `pulumi:"privileges"`
	WithGrantOption *bool    `pulumi:"withGrantOption,optional" provider:"replaceOnChanges"`
}

type defaultPrivilegesState struct {
	Role            string   `pulumi:"role"`
	Database        string   `pulumi:"database"`
	Owner           string   `pulumi:"owner"`
	Schema          *string  `pulumi:"schema,optional"`
	ObjectType      string   `pulumi:"objectType"`
	Privileges      []string `pulumi:"privileges,optional"`
	WithGrantOption *bool    `pulumi:"withGrantOption,optional"`
}

// futurePrivileges are the privileges there are for objects to come, by object type.
var futurePrivileges = map[string][]string{
	"table":    grantPrivileges["table"],
	"sequence": grantPrivileges["sequence"],
	"schema":   grantPrivileges["schema"],
	"function": {"EXECUTE"},
	"routine":  {"EXECUTE"},
	"type":     {"USAGE"},
}

// futureKinds are the letters of pg_default_acl.
var futureKinds = map[string]string{
	"table": "r", "sequence": "S", "schema": "n", "function": "f", "routine": "f", "type": "T",
}

func (*defaultPrivileges) Annotate(a infer.Annotator) {
	a.SetToken("index/defaultPrivileges", "DefaultPrivileges")
}

func (*defaultPrivileges) Check(
	ctx context.Context, req infer.CheckRequest,
) (infer.CheckResponse[defaultPrivilegesArgs], error) {
	args, failures, err := infer.DefaultCheck[defaultPrivilegesArgs](ctx, req.NewInputs)
	if err != nil || len(failures) > 0 || anyUnknown(req.NewInputs, "objectType", "privileges") {
		return infer.CheckResponse[defaultPrivilegesArgs]{Inputs: args, Failures: failures}, err
	}
	failures = append(failures, checkPrivileges(args.ObjectType, args.Privileges, futurePrivileges)...)
	if args.ObjectType == "schema" && args.Schema != nil {
		failures = append(failures, pulumi.CheckFailure{
			Property: "schema", Reason: "means nothing for objectType schema: leave it out",
		})
	}
	if plugin.Or(args.WithGrantOption, false) && strings.EqualFold(args.Role, "public") {
		failures = append(failures, pulumi.CheckFailure{
			Property: "withGrantOption", Reason: "cannot be true for role public",
		})
	}
	slices.Sort(args.Privileges)
	return infer.CheckResponse[defaultPrivilegesArgs]{Inputs: args, Failures: failures}, nil
}

func (d *defaultPrivileges) Create(
	ctx context.Context, req infer.CreateRequest[defaultPrivilegesArgs],
) (infer.CreateResponse[defaultPrivilegesState], error) {
	response := infer.CreateResponse[defaultPrivilegesState]{ID: req.Inputs.id(), Output: req.Inputs.state()}
	if req.DryRun {
		return response, nil
	}
	return response, d.set(ctx, req.Inputs)
}

func (d *defaultPrivileges) Read(
	ctx context.Context, req infer.ReadRequest[defaultPrivilegesArgs, defaultPrivilegesState],
) (infer.ReadResponse[defaultPrivilegesArgs, defaultPrivilegesState], error) {
	gone := infer.ReadResponse[defaultPrivilegesArgs, defaultPrivilegesState]{}
	args := req.State.args()
	exists, err := d.targetExists(ctx, args.Role, args.Database, plugin.Or(args.Schema, ""))
	if err != nil || !exists {
		return gone, err
	}
	actual, err := d.privileges(ctx, args)
	if err != nil {
		return gone, fmt.Errorf("could not read the default privileges %s: %w", args.id(), err)
	}
	if len(actual) == 0 && len(args.Privileges) > 0 {
		return gone, nil
	}
	if !samePrivileges(args.Privileges, actual, futurePrivileges[args.ObjectType]) {
		args.Privileges = actual
	}
	return infer.ReadResponse[defaultPrivilegesArgs, defaultPrivilegesState]{
		ID: args.id(), Inputs: args, State: args.state(),
	}, nil
}

func (d *defaultPrivileges) Update(
	ctx context.Context, req infer.UpdateRequest[defaultPrivilegesArgs, defaultPrivilegesState],
) (infer.UpdateResponse[defaultPrivilegesState], error) {
	response := infer.UpdateResponse[defaultPrivilegesState]{Output: req.Inputs.state()}
	if req.DryRun {
		return response, nil
	}
	return response, d.set(ctx, req.Inputs)
}

func (d *defaultPrivileges) Delete(
	ctx context.Context, req infer.DeleteRequest[defaultPrivilegesState],
) (infer.DeleteResponse, error) {
	args := req.State.args()
	args.Privileges = nil
	err := d.set(ctx, args)
	if isCode(err, undefinedDatabase, undefinedSchema, undefinedObject) {
		err = nil // they are gone with what they were about
	}
	return infer.DeleteResponse{}, err
}

func (d *defaultPrivileges) set(ctx context.Context, args defaultPrivilegesArgs) error {
	alter := "ALTER DEFAULT PRIVILEGES FOR ROLE " + identifier(args.Owner)
	if schema := plugin.Or(args.Schema, ""); schema != "" {
		alter += " IN SCHEMA " + identifier(schema)
	}
	objects := " ON " + strings.ToUpper(args.ObjectType) + "S"
	err := d.serialised(ctx, func(*pgx.Conn) error {
		return d.connected(ctx, args.Database, func(inside *pgx.Conn) error {
			return pgx.BeginFunc(ctx, inside, func(tx pgx.Tx) error {
				return asMember(ctx, tx, args.Owner, func() error {
					if _, err := tx.Exec(ctx, alter+" REVOKE ALL"+objects+" FROM "+grantee(args.Role)); err != nil {
						return err
					}
					if len(args.Privileges) == 0 {
						return nil
					}
					_, err := tx.Exec(ctx, alter+" GRANT "+strings.Join(args.Privileges, ", ")+objects+" TO "+
						grantee(args.Role)+grantOption(args.WithGrantOption))
					return err
				})
			})
		})
	})
	if err != nil {
		return fmt.Errorf("could not set the default privileges %s: %w", args.id(), err)
	}
	return nil
}

func (d *defaultPrivileges) privileges(ctx context.Context, args defaultPrivilegesArgs) ([]string, error) {
	actual := texts{}
	err := d.connected(ctx, args.Database, func(connection *pgx.Conn) error {
		return connection.QueryRow(ctx, `
			SELECT coalesce(array_agg(DISTINCT acl.privilege_type ORDER BY acl.privilege_type), '{}')
			FROM pg_default_acl d, aclexplode(d.defaclacl) acl
			WHERE d.defaclobjtype = $1::text::"char" AND pg_get_userbyid(d.defaclrole) = $2
				AND d.defaclnamespace = coalesce((SELECT oid FROM pg_namespace WHERE nspname = $3), 0)
				AND acl.grantee = CASE WHEN lower($4) = 'public' THEN 0 ELSE (SELECT oid FROM pg_roles WHERE rolname = $4) END`,
			futureKinds[args.ObjectType], args.Owner, plugin.Or(args.Schema, ""), args.Role).Scan(&actual)
	})
	return actual, err
}

func (a defaultPrivilegesArgs) id() string {
	schema := cmp.Or(plugin.Or(a.Schema, ""), "noschema")
	return strings.Join([]string{a.Role, a.Database, schema, a.Owner, a.ObjectType}, "_")
}

func (a defaultPrivilegesArgs) state() defaultPrivilegesState {
	return defaultPrivilegesState{
		Role: a.Role, Database: a.Database, Owner: a.Owner, Schema: a.Schema, ObjectType: a.ObjectType,
		Privileges: a.Privileges, WithGrantOption: a.WithGrantOption,
	}
}

func (s defaultPrivilegesState) args() defaultPrivilegesArgs {
	return defaultPrivilegesArgs{
		Role: s.Role, Database: s.Database, Owner: s.Owner, Schema: s.Schema, ObjectType: s.ObjectType,
		Privileges: s.Privileges, WithGrantOption: s.WithGrantOption,
	}
}
