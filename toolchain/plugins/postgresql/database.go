package postgresql

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/pulumi/pulumi-go-provider/infer"

	"tenant-storage/toolchain/plugins/plugin"
)

// database is `postgresql.Database`. Its id is its name. What only CREATE DATABASE can say replaces it.
type database struct{ *server }

type databaseArgs struct {
	Name                 string  `pulumi:"name"`
	Owner                *string `pulumi:"owner,optional"`                                 // default: the admin
	Template             *string `pulumi:"template,optional" provider:"replaceOnChanges"`  // default: template0
	Encoding             *string `pulumi:"encoding,optional" provider:"replaceOnChanges"`  // default: UTF8
	LcCollate            *string `pulumi:"lcCollate,optional" provider:"replaceOnChanges"` // default: the template's
	LcCtype              *string `pulumi:"lcCtype,optional" provider:"replaceOnChanges"`   // default: the template's
	TablespaceName       *string `pulumi:"tablespaceName,optional"`                        // default: the template's
	ConnectionLimit      *int    `pulumi:"connectionLimit,optional"`                       // -1: none
	AllowConnections     *bool   `pulumi:"allowConnections,optional"`
	IsTemplate           *bool   `pulumi:"isTemplate,optional"`
	AlterObjectOwnership *bool   `pulumi:"alterObjectOwnership,optional"` // a new owner gets the old one's objects too
}

type databaseState struct {
	Name                 string `pulumi:"name"`
	Owner                string `pulumi:"owner"`
	Template             string `pulumi:"template"`
	Encoding             string `pulumi:"encoding"`
	LcCollate            string `pulumi:"lcCollate"`
	LcCtype              string `pulumi:"lcCtype"`
	TablespaceName       string `pulumi:"tablespaceName"`
	ConnectionLimit      int    `pulumi:"connectionLimit"`
	AllowConnections     bool   `pulumi:"allowConnections"`
	IsTemplate           bool   `pulumi:"isTemplate"`
	AlterObjectOwnership bool   `pulumi:"alterObjectOwnership"`
}

// defaultWord says "as the server would choose" in Template, Encoding, LcCollate, LcCtype, TablespaceName and Owner.
const defaultWord = "DEFAULT"

func (*database) Annotate(a infer.Annotator) { a.SetToken("index/database", "Database") }

func (args *databaseArgs) Annotate(a infer.Annotator) {
	a.SetDefault(&args.AllowConnections, true)
}

func (d *database) Create(
	ctx context.Context, req infer.CreateRequest[databaseArgs],
) (infer.CreateResponse[databaseState], error) {
	response := infer.CreateResponse[databaseState]{ID: req.Inputs.Name, Output: req.Inputs.state()}
	if req.DryRun {
		return response, nil
	}
	err := retried(ctx, func() error {
		return d.connected(ctx, d.database, func(connection *pgx.Conn) error {
			return asMember(ctx, connection, plugin.Or(req.Inputs.Owner, ""), func() error {
				_, err := connection.Exec(ctx, req.Inputs.createStatement())
				return err
			})
		})
	})
	if err != nil {
		return response, fmt.Errorf("error creating database %s: %w", req.Inputs.Name, err)
	}
	if _, err := d.observe(ctx, &response.Output); err != nil {
		return response, infer.ResourceInitFailedError{Reasons: []string{err.Error()}}
	}
	return response, nil
}

func (d *database) Read(
	ctx context.Context, req infer.ReadRequest[databaseArgs, databaseState],
) (infer.ReadResponse[databaseArgs, databaseState], error) {
	response := infer.ReadResponse[databaseArgs, databaseState]{ID: req.ID, Inputs: req.Inputs, State: req.State}
	state, inputs := &response.State, &response.Inputs
	if state.Name == "" { // import; what it was copied from, no server remembers
		state.Name, state.Template = req.ID, "template0"
		inputs.AllowConnections = plugin.Ref(true)
	}
	exists, err := d.observe(ctx, state)
	if err != nil || !exists {
		return infer.ReadResponse[databaseArgs, databaseState]{}, err
	}
	inputs.Name = state.Name
	plugin.Observe(&inputs.ConnectionLimit, state.ConnectionLimit, -1)
	plugin.Observe(&inputs.AllowConnections, state.AllowConnections, true)
	plugin.Observe(&inputs.IsTemplate, state.IsTemplate, false)
	// Those without a fixed default are compared only where the program says something.
	for _, property := range []struct {
		input  **string
		actual string
	}{
		{&inputs.Owner, state.Owner}, {&inputs.TablespaceName, state.TablespaceName}, {&inputs.Encoding, state.Encoding},
		{&inputs.LcCollate, state.LcCollate}, {&inputs.LcCtype, state.LcCtype},
	} {
		if wanted := plugin.Or(*property.input, defaultWord); !strings.EqualFold(wanted, defaultWord) {
			plugin.Observe(property.input, property.actual, "")
		}
	}
	return response, nil
}

func (d *database) Update(
	ctx context.Context, req infer.UpdateRequest[databaseArgs, databaseState],
) (infer.UpdateResponse[databaseState], error) {
	response := infer.UpdateResponse[databaseState]{Output: req.Inputs.state()}
	if req.DryRun {
		return response, nil
	}
	owner := plugin.Or(req.Inputs.Owner, "")
	err := retried(ctx, func() error {
		return d.connected(ctx, d.database, func(connection *pgx.Conn) error {
			return asMember(ctx, connection, owner, func() error {
				for _, statement := range req.Inputs.alterStatements(req.State) {
					if _, err := connection.Exec(ctx, statement); err != nil {
						return err
					}
				}
				return nil
			})
		})
	})
	if err == nil && plugin.Or(req.Inputs.AlterObjectOwnership, false) && owner != "" && owner != req.State.Owner {
		err = d.reassign(ctx, req.Inputs.Name, req.State.Owner, owner)
	}
	if err != nil {
		return response, fmt.Errorf("error updating database %s: %w", req.Inputs.Name, err)
	}
	_, err = d.observe(ctx, &response.Output)
	return response, err
}

// Delete ends the sessions of the database, then drops it.
func (d *database) Delete(ctx context.Context, req infer.DeleteRequest[databaseState]) (infer.DeleteResponse, error) {
	name := identifier(req.State.Name)
	err := retried(ctx, func() error {
		return d.connected(ctx, d.database, func(connection *pgx.Conn) error {
			if req.State.IsTemplate { // a template cannot be dropped
				if _, err := connection.Exec(ctx, "ALTER DATABASE "+name+" IS_TEMPLATE false"); err != nil {
					return err
				}
			}
			return asMember(ctx, connection, req.State.Owner, func() error {
				_, err := connection.Exec(ctx, "DROP DATABASE IF EXISTS "+name+" WITH (FORCE)")
				return err
			})
		})
	})
	if err != nil && !isCode(err, undefinedDatabase) {
		return infer.DeleteResponse{}, fmt.Errorf("error dropping database %s: %w", req.State.Name, err)
	}
	return infer.DeleteResponse{}, nil
}

// observe fills the state with what the server has. False: there is no such database.
func (d *database) observe(ctx context.Context, state *databaseState) (bool, error) {
	exists := true
	err := d.connected(ctx, d.database, func(connection *pgx.Conn) error {
		return connection.QueryRow(ctx, `
			SELECT pg_get_userbyid(d.datdba), pg_encoding_to_char(d.encoding), d.datcollate, d.datctype, t.spcname,
				d.datconnlimit, d.datallowconn, d.datistemplate
			FROM pg_database d JOIN pg_tablespace t ON t.oid = d.dattablespace WHERE d.datname = $1`, state.Name).Scan(
			&state.Owner, &state.Encoding, &state.LcCollate, &state.LcCtype, &state.TablespaceName,
			&state.ConnectionLimit, &state.AllowConnections, &state.IsTemplate)
	})
	if errors.Is(err, pgx.ErrNoRows) {
		exists, err = false, nil
	}
	if err != nil {
		return false, fmt.Errorf("error reading database %s: %w", state.Name, err)
	}
	return exists, nil
}

func (d *database) reassign(ctx context.Context, name, from, to string) error {
	return d.connected(ctx, name, func(connection *pgx.Conn) error {
		return pgx.BeginFunc(ctx, connection, func(tx pgx.Tx) error {
			return asMember(ctx, tx, from, func() error {
				return asMember(ctx, tx, to, func() error {
					_, err := tx.Exec(ctx, "REASSIGN OWNED BY "+identifier(from)+" TO "+identifier(to))
					return err
				})
			})
		})
	})
}

// state is what is known before the server was asked.
func (a databaseArgs) state() databaseState {
	return databaseState{
		Name: a.Name, Owner: plugin.Or(a.Owner, ""), Template: plugin.Or(a.Template, "template0"),
		Encoding: plugin.Or(a.Encoding, ""), LcCollate: plugin.Or(a.LcCollate, ""), LcCtype: plugin.Or(a.LcCtype, ""),
		TablespaceName: plugin.Or(a.TablespaceName, ""), ConnectionLimit: plugin.Or(a.ConnectionLimit, -1),
		AllowConnections: plugin.Or(a.AllowConnections, true), IsTemplate: plugin.Or(a.IsTemplate, false),
		AlterObjectOwnership: plugin.Or(a.AlterObjectOwnership, false),
	}
}

func (a databaseArgs) createStatement() string {
	statement := strings.Builder{}
	fmt.Fprintf(&statement, "CREATE DATABASE %s OWNER %s TEMPLATE %s ENCODING %s", identifier(a.Name),
		option(a.Owner, "DEFAULT", identifier), option(a.Template, "template0", identifier),
		option(a.Encoding, literal("UTF8"), literal))
	for _, part := range []struct {
		keyword string
		value   *string
		quote   func(string) string
	}{
		{"LC_COLLATE", a.LcCollate, literal}, {"LC_CTYPE", a.LcCtype, literal},
		{"TABLESPACE", a.TablespaceName, identifier},
	} {
		if part.value != nil {
			fmt.Fprintf(&statement, " %s %s", part.keyword, option(part.value, defaultWord, part.quote))
		}
	}
	fmt.Fprintf(&statement, " ALLOW_CONNECTIONS %t CONNECTION LIMIT %d IS_TEMPLATE %t",
		plugin.Or(a.AllowConnections, true), plugin.Or(a.ConnectionLimit, -1), plugin.Or(a.IsTemplate, false))
	return statement.String()
}

func (a databaseArgs) alterStatements(old databaseState) []string {
	statements := []string{}
	alter := func(format string, values ...any) {
		statements = append(statements, "ALTER DATABASE "+identifier(a.Name)+" "+fmt.Sprintf(format, values...))
	}
	if a.Name != old.Name {
		statements = append(statements, "ALTER DATABASE "+identifier(old.Name)+" RENAME TO "+identifier(a.Name))
	}
	if owner := plugin.Or(a.Owner, ""); owner != "" && owner != old.Owner {
		alter("OWNER TO %s", option(a.Owner, "CURRENT_USER", identifier))
	}
	if space := plugin.Or(a.TablespaceName, ""); space != "" && space != old.TablespaceName {
		alter("SET TABLESPACE %s", option(a.TablespaceName, "pg_default", identifier))
	}
	alter("WITH ALLOW_CONNECTIONS %t CONNECTION LIMIT %d IS_TEMPLATE %t",
		plugin.Or(a.AllowConnections, true), plugin.Or(a.ConnectionLimit, -1), plugin.Or(a.IsTemplate, false))
	return statements
}

// option quotes a value, or says the fallback for nothing, an empty text and DEFAULT.
func option(value *string, fallback string, quote func(string) string) string {
	switch text := plugin.Or(value, ""); {
	case text == "":
		return fallback
	case strings.EqualFold(text, defaultWord):
		return defaultWord
	default:
		return quote(text)
	}
}
