package postgresql

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
	pulumi "github.com/pulumi/pulumi-go-provider"
	"github.com/pulumi/pulumi-go-provider/infer"

	"tenant-storage/toolchain/plugins/plugin"
)

// role is `postgresql.Role`. Its id is its name. Every change is made in place.
type role struct{ *server }

type roleArgs struct {
	Name                            string   `pulumi:"name"`
	Login                           *bool    `pulumi:"login,optional"`
	Password                        *string  `pulumi:"password,optional" provider:"secret"`
	PasswordWo                      *string  `pulumi:"passwordWo,optional" provider:"secret"` // set when its version changes
	PasswordWoVersion               *string  `pulumi:"passwordWoVersion,optional"`
	EncryptedPassword               *bool    `pulumi:"encryptedPassword,optional"`
	ConnectionLimit                 *int     `pulumi:"connectionLimit,optional"` // -1: none
	Inherit                         *bool    `pulumi:"inherit,optional"`
	CreateDatabase                  *bool    `pulumi:"createDatabase,optional"`
	CreateRole                      *bool    `pulumi:"createRole,optional"`
	Superuser                       *bool    `pulumi:"superuser,optional"`
	Replication                     *bool    `pulumi:"replication,optional"`
	BypassRowLevelSecurity          *bool    `pulumi:"bypassRowLevelSecurity,optional"`
	Roles                           []string `pulumi:"roles,optional"` // this role becomes their member
	SearchPaths                     []string `pulumi:"searchPaths,optional"`
	StatementTimeout                *int     `pulumi:"statementTimeout,optional"`                // milliseconds
	IdleInTransactionSessionTimeout *int     `pulumi:"idleInTransactionSessionTimeout,optional"` // milliseconds
	AssumeRole                      *string  `pulumi:"assumeRole,optional"`                      // SET ROLE at login
	ValidUntil                      *string  `pulumi:"validUntil,optional"`
	SkipDropRole                    *bool    `pulumi:"skipDropRole,optional"`
	SkipReassignOwned               *bool    `pulumi:"skipReassignOwned,optional"`
}

// roleState has every property of the official plugin. Those that were left out have the server's values.
type roleState struct {
	Name                            string   `pulumi:"name"`
	Login                           bool     `pulumi:"login"`
	Password                        *string  `pulumi:"password,optional" provider:"secret"`
	PasswordWo                      *string  `pulumi:"passwordWo,optional" provider:"secret"` // always null
	PasswordWoVersion               *string  `pulumi:"passwordWoVersion,optional"`
	Encrypted                       *string  `pulumi:"encrypted,optional"` // always null
	EncryptedPassword               bool     `pulumi:"encryptedPassword"`
	ConnectionLimit                 int      `pulumi:"connectionLimit"`
	Inherit                         bool     `pulumi:"inherit"`
	CreateDatabase                  bool     `pulumi:"createDatabase"`
	CreateRole                      bool     `pulumi:"createRole"`
	Superuser                       bool     `pulumi:"superuser"`
	Replication                     bool     `pulumi:"replication"`
	BypassRowLevelSecurity          bool     `pulumi:"bypassRowLevelSecurity"`
	Roles                           []string `pulumi:"roles"`
	SearchPaths                     []string `pulumi:"searchPaths"`
	StatementTimeout                int      `pulumi:"statementTimeout"`
	IdleInTransactionSessionTimeout int      `pulumi:"idleInTransactionSessionTimeout"`
	AssumeRole                      string   `pulumi:"assumeRole"`
	ValidUntil                      string   `pulumi:"validUntil"`
	SkipDropRole                    bool     `pulumi:"skipDropRole"`
	SkipReassignOwned               bool     `pulumi:"skipReassignOwned"`
}

const forever = "infinity"

func (*role) Annotate(a infer.Annotator) { a.SetToken("index/role", "Role") }

func (args *roleArgs) Annotate(a infer.Annotator) {
	a.SetDefault(&args.EncryptedPassword, true)
	a.SetDefault(&args.Inherit, true)
	a.SetDefault(&args.ValidUntil, forever)
}

func (*role) Check(ctx context.Context, req infer.CheckRequest) (infer.CheckResponse[roleArgs], error) {
	args, failures, err := infer.DefaultCheck[roleArgs](ctx, req.NewInputs)
	fail := func(property, reason string) {
		failures = append(failures, pulumi.CheckFailure{Property: property, Reason: reason})
	}
	if !plugin.Or(args.EncryptedPassword, true) {
		fail("encryptedPassword", "PostgreSQL stores no password in the clear: leave it out")
	}
	if args.PasswordWo != nil && args.Password != nil {
		fail("passwordWo", "conflicts with password: set one of them")
	}
	if (args.PasswordWo == nil) != (args.PasswordWoVersion == nil) {
		fail("passwordWo", "goes together with passwordWoVersion: set both or none")
	}
	return infer.CheckResponse[roleArgs]{Inputs: args, Failures: failures}, err
}

func (r *role) Create(ctx context.Context, req infer.CreateRequest[roleArgs]) (infer.CreateResponse[roleState], error) {
	response := infer.CreateResponse[roleState]{ID: req.Inputs.Name, Output: req.Inputs.state()}
	if req.DryRun {
		return response, nil
	}
	err := r.serialised(ctx, func(connection *pgx.Conn) error {
		return pgx.BeginFunc(ctx, connection, func(tx pgx.Tx) error {
			if _, err := tx.Exec(ctx, "CREATE ROLE "+identifier(req.Inputs.Name)); err != nil {
				return err
			}
			if err := setPassword(ctx, tx, req.Inputs, req.Inputs.newPassword(roleState{})); err != nil {
				return err
			}
			return setAttributes(ctx, tx, req.Inputs.state())
		})
	})
	if err != nil {
		return response, fmt.Errorf("error creating role %s: %w", req.Inputs.Name, err)
	}
	return response, nil
}

func (r *role) Read(
	ctx context.Context, req infer.ReadRequest[roleArgs, roleState],
) (infer.ReadResponse[roleArgs, roleState], error) {
	response := infer.ReadResponse[roleArgs, roleState]{ID: req.ID, Inputs: req.Inputs, State: req.State}
	state, inputs := &response.State, &response.Inputs
	if state.Name == "" { // import
		state.Name = req.ID
		inputs.EncryptedPassword, inputs.Inherit, inputs.ValidUntil = plugin.Ref(true), plugin.Ref(true), plugin.Ref(forever)
	}
	exists := false
	err := r.connected(ctx, r.database, func(connection *pgx.Conn) (err error) {
		exists, err = readAttributes(ctx, connection, state)
		return err
	})
	if err != nil || !exists {
		return infer.ReadResponse[roleArgs, roleState]{}, err
	}
	inputs.Name = state.Name
	plugin.Observe(&inputs.Login, state.Login, false)
	plugin.Observe(&inputs.ConnectionLimit, state.ConnectionLimit, -1)
	plugin.Observe(&inputs.Inherit, state.Inherit, true)
	plugin.Observe(&inputs.CreateDatabase, state.CreateDatabase, false)
	plugin.Observe(&inputs.CreateRole, state.CreateRole, false)
	plugin.Observe(&inputs.Superuser, state.Superuser, false)
	plugin.Observe(&inputs.Replication, state.Replication, false)
	plugin.Observe(&inputs.BypassRowLevelSecurity, state.BypassRowLevelSecurity, false)
	plugin.Observe(&inputs.StatementTimeout, state.StatementTimeout, 0)
	plugin.Observe(&inputs.IdleInTransactionSessionTimeout, state.IdleInTransactionSessionTimeout, 0)
	plugin.Observe(&inputs.AssumeRole, state.AssumeRole, "")
	plugin.Observe(&inputs.ValidUntil, state.ValidUntil, forever)
	observeSet(&inputs.Roles, state.Roles)
	observeList(&inputs.SearchPaths, state.SearchPaths)
	return response, nil
}

func (r *role) Update(
	ctx context.Context, req infer.UpdateRequest[roleArgs, roleState],
) (infer.UpdateResponse[roleState], error) {
	response := infer.UpdateResponse[roleState]{Output: req.Inputs.state()}
	if req.DryRun {
		return response, nil
	}
	err := r.serialised(ctx, func(connection *pgx.Conn) error {
		return pgx.BeginFunc(ctx, connection, func(tx pgx.Tx) error {
			if req.Inputs.Name != req.State.Name {
				rename := "ALTER ROLE " + identifier(req.State.Name) + " RENAME TO " + identifier(req.Inputs.Name)
				if _, err := tx.Exec(ctx, rename); err != nil {
					return err
				}
			}
			if err := setPassword(ctx, tx, req.Inputs, req.Inputs.newPassword(req.State)); err != nil {
				return err
			}
			return setAttributes(ctx, tx, req.Inputs.state())
		})
	})
	if err != nil {
		return response, fmt.Errorf("error updating role %s: %w", req.Inputs.Name, err)
	}
	return response, nil
}

// Delete hands what the role owns in the provider's own database to the admin. What it owns in another database must
// be gone before.
func (r *role) Delete(ctx context.Context, req infer.DeleteRequest[roleState]) (infer.DeleteResponse, error) {
	name := identifier(req.State.Name)
	err := r.serialised(ctx, func(connection *pgx.Conn) error {
		return pgx.BeginFunc(ctx, connection, func(tx pgx.Tx) error {
			exists, err := found(ctx, tx, "SELECT FROM pg_roles WHERE rolname = $1", req.State.Name)
			if err != nil || !exists {
				return err
			}
			if !req.State.SkipReassignOwned {
				if err := asMember(ctx, tx, req.State.Name, func() error {
					_, err := tx.Exec(ctx, "REASSIGN OWNED BY "+name+" TO CURRENT_USER; DROP OWNED BY "+name)
					return err
				}); err != nil {
					return err
				}
			}
			if req.State.SkipDropRole {
				return nil
			}
			_, err = tx.Exec(ctx, "DROP ROLE "+name)
			return err
		})
	})
	if err != nil {
		return infer.DeleteResponse{}, fmt.Errorf("could not delete role %s: %w", req.State.Name, err)
	}
	return infer.DeleteResponse{}, nil
}

// state is what the role looks like once the arguments are applied.
func (a roleArgs) state() roleState {
	state := roleState{
		Name: a.Name, Password: a.Password, PasswordWoVersion: a.PasswordWoVersion,
		Login:             plugin.Or(a.Login, false),
		EncryptedPassword: plugin.Or(a.EncryptedPassword, true),
		ConnectionLimit:   plugin.Or(a.ConnectionLimit, -1),
		Inherit:           plugin.Or(a.Inherit, true),
		CreateDatabase:    plugin.Or(a.CreateDatabase, false), CreateRole: plugin.Or(a.CreateRole, false),
		Superuser: plugin.Or(a.Superuser, false), Replication: plugin.Or(a.Replication, false),
		BypassRowLevelSecurity: plugin.Or(a.BypassRowLevelSecurity, false),
		Roles:                  append([]string{}, a.Roles...), SearchPaths: append([]string{}, a.SearchPaths...),
		StatementTimeout:                plugin.Or(a.StatementTimeout, 0),
		IdleInTransactionSessionTimeout: plugin.Or(a.IdleInTransactionSessionTimeout, 0),
		AssumeRole:                      plugin.Or(a.AssumeRole, ""), ValidUntil: plugin.Or(a.ValidUntil, forever),
		SkipDropRole: plugin.Or(a.SkipDropRole, false), SkipReassignOwned: plugin.Or(a.SkipReassignOwned, false),
	}
	if state.ValidUntil == "" {
		state.ValidUntil = forever
	}
	return state
}

// newPassword is the password to set, or nil when it is as it was.
func (a roleArgs) newPassword(old roleState) *string {
	if a.PasswordWo != nil {
		if plugin.Or(old.PasswordWoVersion, "") == plugin.Or(a.PasswordWoVersion, "") {
			return nil
		}
		return a.PasswordWo
	}
	password := plugin.Or(a.Password, "")
	if password == plugin.Or(old.Password, "") && old.PasswordWoVersion == nil {
		return nil
	}
	return &password
}
