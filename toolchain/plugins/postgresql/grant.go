package postgresql

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
	pulumi "github.com/pulumi/pulumi-go-provider"
	"github.com/pulumi/pulumi-go-provider/infer"

	"tenant-storage/toolchain/plugins/plugin"
)

// grant is `postgresql.Grant`: all the privileges one role has on something, and no others. An empty list revokes
// everything. Its id is `{role}_{database}_database`, or `{role}_{database}_{schema}_{objectType}`.
type grant struct{ *server }

type grantArgs struct {
	Role            string   `pulumi:"role" provider:"replaceOnChanges"` // "public": every role
	Database        string   `pulumi:"database" provider:"replaceOnChanges"`
	ObjectType      string   `pulumi:"objectType" provider:"replaceOnChanges"`
	Schema          *string  `pulumi:"schema,optional" provider:"replaceOnChanges"`
	Objects         []string `pulumi:"objects,optional" provider:"replaceOnChanges"` // none: all there are now
	Privileges      []string `pulumi:"privileges"`
	WithGrantOption *bool    `pulumi:"withGrantOption,optional" provider:"replaceOnChanges"`
}

type grantState struct {
	Role            string   `pulumi:"role"`
	Database        string   `pulumi:"database"`
	ObjectType      string   `pulumi:"objectType"`
	Schema          *string  `pulumi:"schema,optional"`
	Objects         []string `pulumi:"objects,optional"`
	Columns         []string `pulumi:"columns,optional"` // always null
	Privileges      []string `pulumi:"privileges,optional"`
	WithGrantOption *bool    `pulumi:"withGrantOption,optional"`
}

func (*grant) Annotate(a infer.Annotator) { a.SetToken("index/grant", "Grant") }

func (*grant) Check(ctx context.Context, req infer.CheckRequest) (infer.CheckResponse[grantArgs], error) {
	args, failures, err := infer.DefaultCheck[grantArgs](ctx, req.NewInputs)
	if err != nil || len(failures) > 0 || anyUnknown(req.NewInputs, "objectType", "privileges", "schema") {
		return infer.CheckResponse[grantArgs]{Inputs: args, Failures: failures}, err
	}
	fail := func(property, reason string) {
		failures = append(failures, pulumi.CheckFailure{Property: property, Reason: reason})
	}
	failures = append(failures, checkPrivileges(args.ObjectType, args.Privileges, grantPrivileges)...)
	if args.ObjectType == "database" && args.Schema != nil {
		fail("schema", "means nothing for objectType database: leave it out")
	}
	if args.ObjectType != "database" && plugin.Or(args.Schema, "") == "" {
		fail("schema", "is needed for every objectType but database")
	}
	if len(args.Objects) > 0 && (args.ObjectType == "database" || args.ObjectType == "schema") {
		fail("objects", "means nothing for objectType "+args.ObjectType+": leave it out")
	}
	if plugin.Or(args.WithGrantOption, false) && strings.EqualFold(args.Role, "public") {
		fail("withGrantOption", "cannot be true for role public")
	}
	slices.Sort(args.Privileges)
	return infer.CheckResponse[grantArgs]{Inputs: args, Failures: failures}, nil
}

func (g *grant) Create(
	ctx context.Context, req infer.CreateRequest[grantArgs],
) (infer.CreateResponse[grantState], error) {
	response := infer.CreateResponse[grantState]{ID: req.Inputs.id(), Output: req.Inputs.state()}
	if req.DryRun {
		return response, nil
	}
	return response, g.set(ctx, req.Inputs)
}

func (g *grant) Read(
	ctx context.Context, req infer.ReadRequest[grantArgs, grantState],
) (infer.ReadResponse[grantArgs, grantState], error) {
	gone := infer.ReadResponse[grantArgs, grantState]{}
	args := req.State.args()
	exists, err := g.targetExists(ctx, args.Role, args.Database, plugin.Or(args.Schema, ""))
	if err != nil || !exists {
		return gone, err
	}
	actual, err := g.privileges(ctx, args)
	if err != nil {
		return gone, fmt.Errorf("could not read the privileges of %s: %w", args.id(), err)
	}
	if !samePrivileges(args.Privileges, actual, grantPrivileges[args.ObjectType]) {
		args.Privileges = actual
	}
	return infer.ReadResponse[grantArgs, grantState]{ID: args.id(), Inputs: args, State: args.state()}, nil
}

func (g *grant) Update(
	ctx context.Context, req infer.UpdateRequest[grantArgs, grantState],
) (infer.UpdateResponse[grantState], error) {
	response := infer.UpdateResponse[grantState]{Output: req.Inputs.state()}
	if req.DryRun {
		return response, nil
	}
	return response, g.set(ctx, req.Inputs)
}

func (g *grant) Delete(ctx context.Context, req infer.DeleteRequest[grantState]) (infer.DeleteResponse, error) {
	args := req.State.args()
	args.Privileges = nil
	err := g.set(ctx, args)
	if isCode(err, undefinedDatabase, undefinedSchema, undefinedObject, undefinedTable) {
		err = nil // no privilege outlives what it is on, nor who has it
	}
	return infer.DeleteResponse{}, err
}

// set revokes everything and grants what is asked for, in one transaction: nobody sees the moment between.
func (g *grant) set(ctx context.Context, args grantArgs) error {
	apply := func(tx pgx.Tx) error {
		owner, err := args.owner(ctx, tx)
		if err != nil {
			return err
		}
		return asMember(ctx, tx, owner, func() error {
			if _, err := tx.Exec(ctx, "REVOKE ALL PRIVILEGES ON "+args.target()+" FROM "+grantee(args.Role)); err != nil {
				return err
			}
			if len(args.Privileges) == 0 {
				return nil
			}
			_, err := tx.Exec(ctx, "GRANT "+strings.Join(args.Privileges, ", ")+" ON "+args.target()+" TO "+
				grantee(args.Role)+grantOption(args.WithGrantOption))
			return err
		})
	}
	err := g.serialised(ctx, func(connection *pgx.Conn) error {
		if args.ObjectType == "database" { // can be said from any database: say it under the lock's own connection
			return pgx.BeginFunc(ctx, connection, apply)
		}
		return g.connected(ctx, args.Database, func(inside *pgx.Conn) error {
			return pgx.BeginFunc(ctx, inside, apply)
		})
	})
	if err != nil {
		return fmt.Errorf("could not set the privileges of %s: %w", args.id(), err)
	}
	return nil
}

// owner is who may grant: the database's or schema's owner.
func (a grantArgs) owner(ctx context.Context, tx pgx.Tx) (owner string, err error) {
	if a.ObjectType == "database" {
		err = tx.QueryRow(ctx, "SELECT coalesce((SELECT pg_get_userbyid(datdba)::text FROM pg_database WHERE datname = $1), '')",
			a.Database).Scan(&owner)
	} else {
		err = tx.QueryRow(ctx, "SELECT coalesce((SELECT pg_get_userbyid(nspowner)::text FROM pg_namespace WHERE nspname = $1), '')",
			plugin.Or(a.Schema, "")).Scan(&owner)
	}
	return owner, err
}

// target is what follows ON in a GRANT.
func (a grantArgs) target() string {
	schema := plugin.Or(a.Schema, "")
	switch {
	case a.ObjectType == "database":
		return "DATABASE " + identifier(a.Database)
	case a.ObjectType == "schema":
		return "SCHEMA " + identifier(schema)
	case len(a.Objects) > 0:
		return strings.ToUpper(a.ObjectType) + " " + strings.Join(mapped(a.Objects, func(name string) string {
			return identifier(schema) + "." + identifier(name)
		}), ", ")
	default:
		return "ALL " + strings.ToUpper(a.ObjectType) + "S IN SCHEMA " + identifier(schema)
	}
}

func (a grantArgs) id() string {
	parts := []string{a.Role, a.Database}
	if a.ObjectType != "database" {
		parts = append(parts, plugin.Or(a.Schema, ""))
	}
	return strings.Join(append(append(parts, a.ObjectType), a.Objects...), "_")
}

func (a grantArgs) state() grantState {
	return grantState{
		Role: a.Role, Database: a.Database, ObjectType: a.ObjectType, Schema: a.Schema, Objects: a.Objects,
		Privileges: a.Privileges, WithGrantOption: a.WithGrantOption,
	}
}

func (s grantState) args() grantArgs {
	return grantArgs{
		Role: s.Role, Database: s.Database, ObjectType: s.ObjectType, Schema: s.Schema, Objects: s.Objects,
		Privileges: s.Privileges, WithGrantOption: s.WithGrantOption,
	}
}
