package postgresql

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"
)

// setPassword sets, or with an empty text removes, a role's password. Nil leaves it.
func setPassword(ctx context.Context, tx pgx.Tx, args roleArgs, password *string) error {
	if password == nil {
		return nil
	}
	stored := "NULL"
	if *password != "" && !strings.EqualFold(*password, "NULL") {
		verifier, err := scramVerifier(*password)
		if err != nil {
			return err
		}
		stored = literal(verifier)
	}
	_, err := tx.Exec(ctx, "ALTER ROLE "+identifier(args.Name)+" PASSWORD "+stored)
	return err
}

// setAttributes makes an existing role what the state says. Safe to repeat.
func setAttributes(ctx context.Context, tx pgx.Tx, state roleState) error {
	name := identifier(state.Name)
	var attributes strings.Builder
	for _, flag := range []struct {
		on   bool
		word string
	}{
		{state.Login, "LOGIN"}, {state.Inherit, "INHERIT"}, {state.CreateDatabase, "CREATEDB"},
		{state.CreateRole, "CREATEROLE"},
	} {
		attributes.WriteString(" " + onOff(flag.on, flag.word))
	}
	// Only a superuser may so much as mention these: an admin of a hosted server must be able to leave them alone.
	var now struct{ superuser, replication, bypass bool }
	err := tx.QueryRow(ctx, "SELECT rolsuper, rolreplication, rolbypassrls FROM pg_roles WHERE rolname = $1", state.Name).
		Scan(&now.superuser, &now.replication, &now.bypass)
	if err != nil {
		return err
	}
	for _, flag := range []struct {
		wanted, now bool
		word        string
	}{
		{state.Superuser, now.superuser, "SUPERUSER"}, {state.Replication, now.replication, "REPLICATION"},
		{state.BypassRowLevelSecurity, now.bypass, "BYPASSRLS"},
	} {
		if flag.wanted != flag.now {
			attributes.WriteString(" " + onOff(flag.wanted, flag.word))
		}
	}
	statements := []string{
		fmt.Sprintf("ALTER ROLE %s WITH%s CONNECTION LIMIT %d VALID UNTIL %s",
			name, attributes.String(), state.ConnectionLimit, literal(state.ValidUntil)),
		setting(name, "search_path", strings.Join(mapped(state.SearchPaths, identifier), ", ")),
		setting(name, "statement_timeout", milliseconds(state.StatementTimeout)),
		setting(name, "idle_in_transaction_session_timeout", milliseconds(state.IdleInTransactionSessionTimeout)),
		setting(name, "role", quotedUnlessEmpty(state.AssumeRole)),
	}
	for _, statement := range statements {
		if _, err := tx.Exec(ctx, statement); err != nil {
			return err
		}
	}
	return setMemberships(ctx, tx, state)
}

func setMemberships(ctx context.Context, tx pgx.Tx, state roleState) error {
	now, err := memberships(ctx, tx, state.Name)
	if err != nil {
		return err
	}
	for _, group := range now {
		if !slices.Contains(state.Roles, group) {
			if _, err := tx.Exec(ctx, "REVOKE "+identifier(group)+" FROM "+identifier(state.Name)); err != nil {
				return err
			}
		}
	}
	for _, group := range state.Roles {
		if !slices.Contains(now, group) {
			if _, err := tx.Exec(ctx, "GRANT "+identifier(group)+" TO "+identifier(state.Name)); err != nil {
				return err
			}
		}
	}
	return nil
}

func memberships(ctx context.Context, db executor, name string) ([]string, error) {
	groups := texts{}
	err := db.QueryRow(ctx, `
		SELECT coalesce(array_agg(pg_get_userbyid(roleid)::text ORDER BY pg_get_userbyid(roleid)), '{}')
		FROM pg_auth_members WHERE member = (SELECT oid FROM pg_roles WHERE rolname = $1)`, name).Scan(&groups)
	return groups, err
}

// readAttributes fills the state with what the server has. False: there is no such role. Passwords are not read.
func readAttributes(ctx context.Context, connection *pgx.Conn, state *roleState) (bool, error) {
	settings := texts{}
	var sameUntil bool
	var until string
	err := connection.QueryRow(ctx, `
		SELECT rolcanlogin, rolinherit, rolcreatedb, rolcreaterole, rolsuper, rolreplication, rolbypassrls, rolconnlimit,
			coalesce(rolconfig, '{}'), coalesce(rolvaliduntil::text, 'infinity'),
			coalesce(rolvaliduntil, 'infinity') = $2::text::timestamptz
		FROM pg_roles WHERE rolname = $1`, state.Name, untilOr(state.ValidUntil)).Scan(
		&state.Login, &state.Inherit, &state.CreateDatabase, &state.CreateRole, &state.Superuser, &state.Replication,
		&state.BypassRowLevelSecurity, &state.ConnectionLimit, &settings, &until, &sameUntil)
	if errors.Is(err, pgx.ErrNoRows) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("error reading role %s: %w", state.Name, err)
	}
	if !sameUntil || state.ValidUntil == "" { // the server writes a moment its own way: only another moment is a change
		state.ValidUntil = until
	}
	if state.Roles, err = memberships(ctx, connection, state.Name); err != nil {
		return false, err
	}
	state.EncryptedPassword = true
	state.SearchPaths, state.AssumeRole = []string{}, ""
	state.StatementTimeout, state.IdleInTransactionSessionTimeout = 0, 0
	for _, setting := range settings {
		name, value, _ := strings.Cut(setting, "=")
		switch name {
		case "search_path":
			for _, path := range strings.Split(value, ", ") {
				state.SearchPaths = append(state.SearchPaths, strings.ReplaceAll(strings.Trim(path, `"`), `""`, `"`))
			}
		case "role":
			state.AssumeRole = value
		case "statement_timeout":
			state.StatementTimeout = parseMilliseconds(value)
		case "idle_in_transaction_session_timeout":
			state.IdleInTransactionSessionTimeout = parseMilliseconds(value)
		}
	}
	return true, nil
}

func onOff(on bool, word string) string {
	if on {
		return word
	}
	return "NO" + word
}

// setting sets a role's configuration parameter, or resets it when the value is empty.
func setting(role, parameter, value string) string {
	if value == "" {
		return fmt.Sprintf("ALTER ROLE %s RESET %s", role, parameter)
	}
	return fmt.Sprintf("ALTER ROLE %s SET %s TO %s", role, parameter, value)
}

func milliseconds(number int) string {
	if number == 0 {
		return ""
	}
	return strconv.Itoa(number)
}

// parseMilliseconds reads a number of milliseconds, or one with a unit that somebody else wrote ("5s", "1min"). What it
// cannot read is -1: certainly not what the program asked for, so the next update puts it right.
func parseMilliseconds(value string) int {
	for unit, factor := range map[string]int{"": 1, "ms": 1, "s": 1000, "min": 60_000, "h": 3_600_000, "d": 86_400_000} {
		if number, err := strconv.Atoi(strings.TrimSuffix(value, unit)); err == nil && strings.HasSuffix(value, unit) {
			return number * factor
		}
	}
	return -1
}

func untilOr(until string) string {
	if until == "" {
		return forever
	}
	return until
}

func quotedUnlessEmpty(name string) string {
	if name == "" {
		return ""
	}
	return identifier(name)
}

func mapped(list []string, convert func(string) string) []string {
	out := make([]string, len(list))
	for i, item := range list {
		out[i] = convert(item)
	}
	return out
}

// observeList records the server's list in an input that says something else.
func observeList(input *[]string, actual []string) {
	if !slices.Equal(*input, actual) && len(*input)+len(actual) > 0 {
		*input = actual
	}
}

// observeSet is observeList for lists whose order means nothing.
func observeSet(input *[]string, actual []string) {
	wanted, have := slices.Sorted(slices.Values(*input)), slices.Sorted(slices.Values(actual))
	if !slices.Equal(slices.Compact(wanted), slices.Compact(have)) {
		*input = actual
	}
}
