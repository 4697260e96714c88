package minio_test

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
)

// trusting is a transport to the stores: over TLS when TENANT_CA_FILE names their authority.
func trusting(t *testing.T) http.RoundTripper {
	t.Helper()
	file := os.Getenv("TENANT_CA_FILE")
	if file == "" {
		return http.DefaultTransport
	}
	certificates, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(certificates)
	return &http.Transport{TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots}}
}

// tlsServer answers over TLS with a certificate that nobody trusts.
type tlsServer struct{ address, caFile string }

func newTLSServer(t *testing.T, handler http.Handler) tlsServer {
	t.Helper()
	server := httptest.NewTLSServer(handler)
	t.Cleanup(server.Close)
	server.Config.ErrorLog = nil
	caFile := filepath.Join(t.TempDir(), "ca.pem")
	certificate := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	if err := os.WriteFile(caFile, certificate, 0o600); err != nil {
		t.Fatal(err)
	}
	return tlsServer{server.Listener.Addr().String(), caFile}
}
