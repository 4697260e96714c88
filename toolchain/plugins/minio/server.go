package minio

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"os"
	"sync"

	"github.com/minio/madmin-go/v3"
	miniogo "github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"

	"tenant-storage/toolchain/plugins/plugin"
)

// server is the configured MinIO server. Its clients are made at the first call: a preview needs none.
type server struct {
	endpoint string // host:port
	user     string
	password string
	region   string
	ssl      bool
	insecure bool // true: the server's certificate is not verified
	caFile   string

	connect func() (clients, error)
}

type clients struct {
	s3    *miniogo.Client
	admin *madmin.AdminClient
}

func (s *server) configure(config plugin.Config) (err error) {
	s.endpoint = config.Text("minioServer", "")
	s.user = config.Text("minioUser", "")
	s.password = config.Text("minioPassword", "")
	s.region = config.Text("minioRegion", "us-east-1")
	s.caFile = config.Text("minioCacertFile", "")
	if s.ssl, err = config.Bool("minioSsl", false); err != nil {
		return err
	}
	if s.insecure, err = config.Bool("minioInsecure", false); err != nil {
		return err
	}
	s.connect = sync.OnceValues(s.newClients)
	return nil
}

func (s *server) newClients() (clients, error) {
	if s.endpoint == "" {
		return clients{}, errors.New("minio provider: no server: set `minioServer` (host:port) or MINIO_ENDPOINT")
	}
	transport, err := s.transport()
	if err != nil {
		return clients{}, err
	}
	creds := credentials.NewStaticV4(s.user, s.password, "")
	s3, err := miniogo.New(s.endpoint, &miniogo.Options{
		Creds: creds, Secure: s.ssl, Region: s.region, Transport: transport, MaxRetries: 3,
	})
	if err != nil {
		return clients{}, fmt.Errorf("minio provider: %w", err)
	}
	admin, err := madmin.NewWithOptions(s.endpoint, &madmin.Options{Creds: creds, Secure: s.ssl, Transport: transport})
	if err != nil {
		return clients{}, fmt.Errorf("minio provider: %w", err)
	}
	return clients{s3: s3, admin: admin}, nil
}

func (s *server) transport() (http.RoundTripper, error) {
	transport, err := miniogo.DefaultTransport(s.ssl)
	if err != nil || !s.ssl {
		return transport, err
	}
	if transport.TLSClientConfig == nil {
		transport.TLSClientConfig = &tls.Config{MinVersion: tls.VersionTLS12}
	}
	transport.TLSClientConfig.InsecureSkipVerify = s.insecure
	if s.caFile != "" {
		pem, err := os.ReadFile(s.caFile)
		if err != nil {
			return nil, fmt.Errorf("minio provider: minioCacertFile: %w", err)
		}
		roots := x509.NewCertPool()
		if !roots.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("minio provider: minioCacertFile: no certificate in %s", s.caFile)
		}
		transport.TLSClientConfig.RootCAs = roots
	}
	return explaining{transport, s.endpoint}, nil
}

// explaining adds what to do to an error that the server's certificate is the reason of.
type explaining struct {
	http.RoundTripper
	endpoint string
}

func (e explaining) RoundTrip(request *http.Request) (*http.Response, error) {
	response, err := e.RoundTripper.RoundTrip(request)
	var certificate *tls.CertificateVerificationError
	if errors.As(err, &certificate) {
		err = fmt.Errorf("MinIO at %s: its certificate is not accepted (%w): name the file of the authority that signed it in "+
			"TENANT_CA_FILE (minioCacertFile)", e.endpoint, err)
	}
	return response, err
}

// isCode reports whether the server answered with one of these error codes.
func isCode(err error, codes ...string) bool {
	var s3 miniogo.ErrorResponse
	var admin madmin.ErrorResponse
	for _, code := range codes {
		if errors.As(err, &s3) && s3.Code == code || errors.As(err, &admin) && admin.Code == code {
			return true
		}
	}
	return false
}

// Error codes for "it is not there".
const (
	noSuchBucket = "NoSuchBucket"
	noSuchKey    = "NoSuchKey"
	noSuchUser   = "XMinioAdminNoSuchUser"
	noSuchPolicy = "XMinioAdminNoSuchPolicy"
)
