package postgresql

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"
)

// identifier quotes the name of a role, database or schema.
func identifier(name string) string {
	return pgx.Identifier{name}.Sanitize()
}

// grantee is identifier, but for the word that means every role.
func grantee(role string) string {
	if strings.EqualFold(role, "public") {
		return "PUBLIC"
	}
	return identifier(role)
}

// literal quotes a text for statements that take no parameters (CREATE ROLE, ALTER DATABASE, …).
func literal(text string) string {
	quoted := "'" + strings.ReplaceAll(text, "'", "''") + "'"
	if strings.Contains(text, `\`) {
		return " E" + strings.ReplaceAll(quoted, `\`, `\\`)
	}
	return quoted
}

// Error codes of PostgreSQL.
const (
	undefinedDatabase = "3D000"
	undefinedSchema   = "3F000"
	undefinedObject   = "42704" // a role, among others
	undefinedTable    = "42P01"
	deadlock          = "40P01"
	internalError     = "XX000"
)

func isCode(err error, codes ...string) bool {
	var answer *pgconn.PgError
	return errors.As(err, &answer) && slices.Contains(codes, answer.Code)
}

// isConcurrentChange reports the errors of two sessions that change one catalog row at the same time: "tuple
// concurrently updated" has no code of its own.
func isConcurrentChange(err error) bool {
	var answer *pgconn.PgError
	if !errors.As(err, &answer) {
		return false
	}
	return answer.Code == deadlock || answer.Code == internalError && strings.HasPrefix(answer.Message, "tuple concurrently ")
}

// privilegesLock serialises changes of roles and privileges across stacks. Advisory locks belong to one database, so
// it only works because all of them take it in the provider's own.
const privilegesLock = 0x74656e616e7473 // "tenants"

// serialised calls do while no other stack changes roles or privileges, and again when one did all the same.
func (s *server) serialised(ctx context.Context, do func(*pgx.Conn) error) error {
	s.privileges.Lock() // first within this process: those who wait must not use up the connections
	defer s.privileges.Unlock()
	return retried(ctx, func() error {
		return s.connected(ctx, s.database, func(connection *pgx.Conn) error {
			// Held until the connection ends, that is, until do is over.
			if _, err := connection.Exec(ctx, "SELECT pg_advisory_lock($1)", int64(privilegesLock)); err != nil {
				return fmt.Errorf("wait for other changes of privileges: %w", err)
			}
			return do(connection)
		})
	})
}

// executor is a connection or a transaction.
type executor interface {
	Exec(ctx context.Context, sql string, args ...any) (pgconn.CommandTag, error)
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

// asMember calls do while the admin is a member of the role. A superuser needs no membership; an admin of a hosted
// server does, for everything that the role owns.
func asMember(ctx context.Context, db executor, role string, do func() error) error {
	needed, err := found(ctx, db, `
		SELECT FROM pg_roles admin, pg_roles target
		WHERE admin.rolname = current_user AND target.rolname = $1
			AND NOT admin.rolsuper AND NOT pg_has_role(admin.oid, target.oid, 'MEMBER')`, role)
	if err != nil {
		return err
	}
	if !needed {
		return do()
	}
	if _, err := db.Exec(ctx, "GRANT "+identifier(role)+" TO CURRENT_USER"); err != nil {
		return fmt.Errorf("become a member of role %s: %w", role, err)
	}
	if err := do(); err != nil {
		_, _ = db.Exec(ctx, "REVOKE "+identifier(role)+" FROM CURRENT_USER") // a failed transaction has done so already
		return err
	}
	_, err = db.Exec(ctx, "REVOKE "+identifier(role)+" FROM CURRENT_USER")
	return err
}

// found reports whether a query has a row.
func found(ctx context.Context, db executor, query string, args ...any) (bool, error) {
	var exists bool
	err := db.QueryRow(ctx, "SELECT EXISTS ("+query+")", args...).Scan(&exists)
	return exists, err
}

// texts reads an array column; NULL is empty.
type texts = pgtype.FlatArray[string]
