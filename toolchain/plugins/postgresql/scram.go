package postgresql

import (
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"strings"

	"golang.org/x/text/secure/precis"
)

// scramIterations is what PostgreSQL itself uses.
const scramIterations = 4096

// scramVerifier turns a password into what PostgreSQL stores for it (RFC 5803), so that the password itself is never in
// a statement: statements end up in server logs and in pg_stat_activity.
func scramVerifier(password string) (string, error) {
	if strings.HasPrefix(password, "SCRAM-SHA-256$") || isMD5(password) {
		return password, nil // stored form already
	}
	salt := make([]byte, 16)
	_, _ = rand.Read(salt) // never fails
	return scramVerifierWith(password, salt)
}

func scramVerifierWith(password string, salt []byte) (string, error) {
	// PostgreSQL takes a password that is no proper text as it is, too.
	if prepared, err := precis.OpaqueString.String(password); err == nil {
		password = prepared
	}
	salted, err := pbkdf2.Key(sha256.New, password, salt, scramIterations, sha256.Size)
	if err != nil {
		return "", fmt.Errorf("derive the password's verifier: %w", err)
	}
	storedKey := sha256.Sum256(mac(salted, "Client Key"))
	encode := base64.StdEncoding.EncodeToString
	return fmt.Sprintf("SCRAM-SHA-256$%d:%s$%s:%s",
		scramIterations, encode(salt), encode(storedKey[:]), encode(mac(salted, "Server Key"))), nil
}

func mac(key []byte, text string) []byte {
	hash := hmac.New(sha256.New, key)
	hash.Write([]byte(text))
	return hash.Sum(nil)
}

func isMD5(password string) bool {
	return len(password) == 35 && strings.HasPrefix(password, "md5") &&
		strings.Trim(password[3:], "0123456789abcdef") == ""
}
