package postgresql_test

import (
	"encoding/pem"
	"fmt"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	"tenant-storage/toolchain/plugins/plugintest"
	"tenant-storage/toolchain/plugins/postgresql"
)

func TestCertificateOfTheServerIsVerified(t *testing.T) {
	if sslmode() == "disable" {
		t.Skip("the stores do not speak TLS: npm test -- --tls")
	}
	other := httptest.NewTLSServer(nil) // for its certificate only
	t.Cleanup(other.Close)
	file := filepath.Join(t.TempDir(), "ca.pem")
	certificate := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: other.Certificate().Raw})
	noError(t, os.WriteFile(file, certificate, 0o600))
	admin := env(t)
	config := admin.config().With(props{"sslrootcert": file})
	_, err := plugintest.Start(t, postgresql.New(), config).TryCreate(roleKind, props{"name": "plugin_tls"})
	where := fmt.Sprintf("PostgreSQL at %s:%s", admin.host, admin.port)
	for _, part := range []string{where, "certificate signed by unknown authority", "PGSSLROOTCERT or TENANT_CA_FILE"} {
		contains(t, "another authority", fmt.Sprint(err), part)
	}
}
