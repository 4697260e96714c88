package postgresql

import (
	"encoding/base64"
	"testing"
)

// Salt, iterations and password of the example in RFC 7677, section 3.
func TestScramVerifier(t *testing.T) {
	salt, err := base64.StdEncoding.DecodeString("W22ZaJ0SNY7soEsUEjb6gQ==")
	if err != nil {
		t.Fatal(err)
	}
	verifier, err := scramVerifierWith("pencil", salt)
	if err != nil {
		t.Fatal(err)
	}
	want := "SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU="
	if verifier != want {
		t.Errorf("verifier is %s, want %s", verifier, want)
	}
	other, _ := scramVerifier("pencil")
	if again, _ := scramVerifier("pencil"); again == other {
		t.Error("two verifiers have one salt")
	}
	for _, stored := range []string{verifier, "md50123456789abcdef0123456789abcdef"} {
		if same, _ := scramVerifier(stored); same != stored {
			t.Errorf("%s was hashed again", stored)
		}
	}
}
