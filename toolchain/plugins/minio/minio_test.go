package minio_test

import (
	"context"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/minio/madmin-go/v3"
	miniogo "github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"

	"tenant-storage/toolchain/plugins/minio"
	"tenant-storage/toolchain/plugins/plugintest"
)

type props = plugintest.Props

const (
	bucketKind     = "index/s3Bucket:S3Bucket"
	versioningKind = "index/s3BucketVersioning:S3BucketVersioning"
	objectKind     = "index/s3Object:S3Object"
	userKind       = "index/iamUser:IamUser"
	policyKind     = "index/iamPolicy:IamPolicy"
	attachmentKind = "index/iamUserPolicyAttachment:IamUserPolicyAttachment"
)

// admin is the other way to the server: what the plugin did is asked of the server, not of the plugin.
type admin struct {
	*madmin.AdminClient
	s3       *miniogo.Client
	endpoint string
	ssl      bool

	transport http.RoundTripper
}

func connect(t *testing.T) admin {
	t.Helper()
	address, err := url.Parse(plugintest.Env(t, "MINIO_ENDPOINT"))
	if err != nil {
		t.Fatal(err)
	}
	creds := credentials.NewStaticV4(
		plugintest.Env(t, "MINIO_ROOT_USER"), plugintest.Env(t, "MINIO_ROOT_PASSWORD"), "")
	ssl := address.Scheme == "https"
	client, err := madmin.NewWithOptions(address.Host, &madmin.Options{Creds: creds, Secure: ssl, Transport: trusting(t)})
	if err != nil {
		t.Fatal(err)
	}
	s3, err := miniogo.New(address.Host, &miniogo.Options{Creds: creds, Secure: ssl, Transport: trusting(t)})
	if err != nil {
		t.Fatal(err)
	}
	return admin{client, s3, address.Host, ssl, trusting(t)}
}

func (a admin) config(t *testing.T) props {
	t.Helper()
	return props{
		"minioCacertFile": os.Getenv("TENANT_CA_FILE"),
		"minioServer":     a.endpoint, "minioSsl": a.ssl,
		"minioUser": plugintest.Env(t, "MINIO_ROOT_USER"), "minioPassword": plugintest.Env(t, "MINIO_ROOT_PASSWORD"),
	}
}

func start(t *testing.T) (*plugintest.Server, admin) {
	t.Helper()
	admin := connect(t)
	return plugintest.Start(t, minio.New(), admin.config(t)), admin
}

// mayList reports whether a user's credential is good for listing a bucket.
func (a admin) mayList(ctx context.Context, user, secret, bucket string) bool {
	creds := credentials.NewStaticV4(user, secret, "")
	client, err := miniogo.New(a.endpoint, &miniogo.Options{Creds: creds, Secure: a.ssl, Transport: a.transport})
	if err != nil {
		return false
	}
	for object := range client.ListObjects(ctx, bucket, miniogo.ListObjectsOptions{MaxKeys: 1}) {
		return object.Err == nil
	}
	return true
}

func (a admin) exists(t *testing.T, bucket string) bool {
	t.Helper()
	exists, err := a.s3.BucketExists(t.Context(), bucket)
	if err != nil {
		t.Fatal(err)
	}
	return exists
}

func equal[T comparable](t *testing.T, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Errorf("%s is %v, want %v", what, got, want)
	}
}

func noError(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func errorWith(t *testing.T, err error, part string) {
	t.Helper()
	if err == nil || !strings.Contains(err.Error(), part) {
		t.Errorf("error is %v, want one with %q", err, part)
	}
}

func changes(list []string) string { return strings.Join(list, " ") }

func TestConfigIsReadFromTheEnvironmentAndNeverStored(t *testing.T) {
	admin := connect(t)
	t.Setenv("MINIO_USER", plugintest.Env(t, "MINIO_ROOT_USER"))
	t.Setenv("MINIO_PASSWORD", plugintest.Env(t, "MINIO_ROOT_PASSWORD"))
	t.Setenv("MINIO_ENDPOINT", admin.endpoint)
	t.Setenv("MINIO_ENABLE_HTTPS", strconv.FormatBool(admin.ssl))
	t.Setenv("MINIO_CACERT_FILE", os.Getenv("TENANT_CA_FILE"))
	server := plugintest.Unconfigured(t, minio.New())
	stored, failures := server.CheckConfig(props{})
	equal(t, "failures", len(failures), 0)
	for name := range stored {
		if strings.HasPrefix(name, "minio") {
			t.Errorf("the state would have %s", name)
		}
	}
	noError(t, server.Configure(stored))
	server.Create(bucketKind, props{"bucket": "plugin-env"})
	equal(t, "bucket", admin.exists(t, "plugin-env"), true)
}

func TestConfigKeepsPasswordsSecretAndRefusesTheRest(t *testing.T) {
	server := plugintest.Unconfigured(t, minio.New())
	stored, _ := server.CheckConfig(props{"minioPassword": "12345678", "minioUser": "u"})
	equal(t, "minioPassword secret", stored.IsSecret("minioPassword"), true)
	equal(t, "minioPassword", stored.Text("minioPassword"), "12345678")
	_, failures := server.CheckConfig(props{"minioSessionToken": "x"})
	errorList(t, failures, "minioSessionToken: not implemented")
}

func errorList(t *testing.T, failures []string, part string) {
	t.Helper()
	if len(failures) != 1 || !strings.Contains(failures[0], part) {
		t.Errorf("failures are %q, want one with %q", failures, part)
	}
}

func TestUnreachableServers(t *testing.T) {
	admin := connect(t)
	for name, test := range map[string]struct {
		config props
		want   string
	}{
		"wrong password": {props{"minioPassword": "wrong-password"}, "The request signature we calculated does not match"},
		"wrong user":     {props{"minioUser": "nobody"}, "The Access Key Id you provided does not exist in our records."},
		"down":           {props{"minioServer": "127.0.0.1:1"}, "connection refused"},
		"address":        {props{"minioServer": "http://127.0.0.1:9000"}, "Endpoint url cannot have fully qualified paths"},
	} {
		t.Run(name, func(t *testing.T) {
			server := plugintest.Start(t, minio.New(), admin.config(t).With(test.config))
			_, err := server.TryCreate(bucketKind, props{"bucket": "plugin-unreachable"})
			errorWith(t, err, test.want)
			if err != nil && strings.Contains(err.Error(), "wrong-password") {
				t.Error("the error has the password in it")
			}
		})
	}
}

func TestRefusals(t *testing.T) {
	server, _ := start(t)
	for name, test := range map[string]struct {
		kind   string
		inputs props
		want   string
	}{
		"other resource":  {"index/iamGroup:IamGroup", props{}, "not implemented by the source-built minio plugin"},
		"bucket prefix":   {bucketKind, props{"bucket": "b", "bucketPrefix": "p"}, "bucketPrefix: not implemented"},
		"no bucket name":  {bucketKind, props{}, "bucket: "},
		"acl":             {bucketKind, props{"bucket": "b", "acl": "public-read"}, "acl: "},
		"object locking":  {bucketKind, props{"bucket": "b", "objectLocking": true}, "objectLocking: "},
		"negative quota":  {bucketKind, props{"bucket": "b", "quota": -1}, "quota: "},
		"object source":   {objectKind, props{"bucketName": "b", "objectName": "o", "content": "c", "source": "f"}, "source: not"},
		"empty object":    {objectKind, props{"bucketName": "b", "objectName": "o", "content": ""}, "content: "},
		"update secret":   {userKind, props{"name": "u", "updateSecret": true}, "updateSecret: not implemented"},
		"policy no JSON":  {policyKind, props{"name": "p", "policy": "none"}, "policy: contains an invalid JSON policy"},
		"versioning word": {versioningKind, props{"bucket": "b", "versioningConfiguration": map[string]any{"status": "On"}}, "status"},
	} {
		t.Run(name, func(t *testing.T) {
			server := server.In(t)
			_, failures := server.Check(test.kind, test.inputs)
			errorList(t, failures, test.want)
		})
	}
	_, failures := server.Check(bucketKind, props{"bucket": "b", "objectLocking": false, "bucketPrefix": nil})
	equal(t, "failures of harmless values", len(failures), 0)
}

func TestPreviewAsksNoServer(t *testing.T) {
	admin := connect(t)
	server := plugintest.Start(t, minio.New(), admin.config(t).With(props{"minioServer": "127.0.0.1:1"}))
	server.PreviewCreate(bucketKind, props{"bucket": "plugin-preview"})
	server.PreviewCreate(userKind, props{"name": "plugin-preview", "secret": plugintest.Unknown()})
	server.PreviewCreate(policyKind, props{"name": "plugin-preview", "policy": plugintest.Unknown()})
	server.PreviewCreate(objectKind, props{"bucketName": "b", "objectName": "o", "content": plugintest.Unknown()})
	server.PreviewCreate(attachmentKind, props{"userName": "u", "policyName": plugintest.Unknown()})
}

func TestCertificateOfTheServerIsVerified(t *testing.T) {
	admin := connect(t)
	fake := newTLSServer(t, http.NotFoundHandler())
	for name, test := range map[string]struct {
		change props
		want   string
	}{
		"unknown authority": {props{}, "MinIO at " + fake.address + ": its certificate is not accepted"},
		"what to do":        {props{}, "name the file of the authority that signed it in TENANT_CA_FILE"},
		"own authority":     {props{"minioCacertFile": fake.caFile}, "(plugin-tls)"},
		"not verified":      {props{"minioInsecure": true}, "(plugin-tls)"},
	} {
		t.Run(name, func(t *testing.T) {
			config := admin.config(t).With(props{
				"minioServer": fake.address, "minioSsl": true, "minioCacertFile": nil,
			}).With(test.change)
			_, err := plugintest.Start(t, minio.New(), config).TryCreate(bucketKind, props{"bucket": "plugin-tls"})
			errorWith(t, err, test.want)
			if len(test.change) > 0 && err != nil && strings.Contains(err.Error(), "certificate") {
				t.Errorf("the certificate was refused: %v", err)
			}
		})
	}
}
