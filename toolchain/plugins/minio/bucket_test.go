package minio_test

import (
	"strings"
	"testing"

	"github.com/minio/madmin-go/v3"
	miniogo "github.com/minio/minio-go/v7"
)

func TestBucket(t *testing.T) {
	server, admin := start(t)
	inputs := props{"bucket": "plugin-bucket"}
	bucket := server.Create(bucketKind, inputs)
	equal(t, "id", bucket.ID, "plugin-bucket")
	equal(t, "acl", bucket.State.Text("acl"), "private")
	equal(t, "arn", bucket.State.Text("arn"), "arn:aws:s3:::plugin-bucket")
	equal(t, "bucketDomainName", bucket.State.Text("bucketDomainName"),
		admin.s3.EndpointURL().String()+"/minio/plugin-bucket")
	_, err := server.TryCreate(bucketKind, inputs)
	errorWith(t, err, "bucket already exists! (plugin-bucket)")
	equal(t, "changes after a refresh", bucket.Refresh() && len(bucket.Diff(inputs)) == 0, true)

	for name, test := range map[string]struct {
		change props
		want   string
	}{
		"bucket":       {props{"bucket": "plugin-other"}, "bucket!"},
		"forceDestroy": {props{"forceDestroy": true}, "forceDestroy"},
		"quota":        {props{"quota": 1 << 20}, "quota"},
	} {
		equal(t, "change of "+name, changes(bucket.Diff(inputs.With(test.change))), test.want)
	}

	withQuota := inputs.With(props{"quota": 1 << 20})
	noError(t, bucket.Update(withQuota))
	quota, err := admin.GetBucketQuota(t.Context(), "plugin-bucket")
	noError(t, err)
	equal(t, "quota on the server", max(quota.Size, quota.Quota), 1<<20)
	noError(t, admin.SetBucketQuota(t.Context(), "plugin-bucket", &madmin.BucketQuota{Size: 5, Type: madmin.HardQuota}))
	equal(t, "still there", bucket.Refresh(), true)
	equal(t, "outside change of quota", changes(bucket.Diff(withQuota)), "quota")
	noError(t, bucket.Update(inputs))
	quota, err = admin.GetBucketQuota(t.Context(), "plugin-bucket")
	noError(t, err)
	equal(t, "quota taken away", max(quota.Size, quota.Quota), 0)

	noError(t, admin.s3.RemoveBucket(t.Context(), "plugin-bucket"))
	equal(t, "still there", bucket.Refresh(), false)
	noError(t, bucket.Delete())
}

func TestForceDestroy(t *testing.T) {
	server, admin := start(t)
	inputs := props{"bucket": "plugin-full"}
	bucket := server.Create(bucketKind, inputs)
	versioning := server.Create(versioningKind, props{
		"bucket": "plugin-full", "versioningConfiguration": map[string]any{"status": "Enabled"},
	})
	for range 3 { // three versions, then one more that says it is deleted
		_, err := admin.s3.PutObject(t.Context(), "plugin-full", "raw/a", strings.NewReader("x"), 1, miniogo.PutObjectOptions{})
		noError(t, err)
	}
	noError(t, admin.s3.RemoveObject(t.Context(), "plugin-full", "raw/a", miniogo.RemoveObjectOptions{}))
	errorWith(t, bucket.Delete(), "unable to remove bucket (plugin-full): The bucket you tried to delete is not empty")
	equal(t, "bucket after the refusal", admin.exists(t, "plugin-full"), true)
	noError(t, bucket.Update(inputs.With(props{"forceDestroy": true})))
	noError(t, bucket.Delete())
	equal(t, "bucket after forceDestroy", admin.exists(t, "plugin-full"), false)
	equal(t, "versioning", versioning.Refresh(), false)
	noError(t, versioning.Delete())
	noError(t, bucket.Delete())
}

func TestVersioning(t *testing.T) {
	server, admin := start(t)
	server.Create(bucketKind, props{"bucket": "plugin-versions", "forceDestroy": true})
	config := func(status string, excluded ...any) props {
		return props{"bucket": "plugin-versions", "versioningConfiguration": map[string]any{
			"status": status, "excludedPrefixes": excluded, "excludeFolders": len(excluded) > 0,
		}}
	}
	versioning := server.Create(versioningKind, config("Enabled"))
	equal(t, "id", versioning.ID, "plugin-versions")
	noError(t, versioning.Update(config("Enabled", "tmp/")))
	actual, err := admin.s3.GetBucketVersioning(t.Context(), "plugin-versions")
	noError(t, err)
	equal(t, "status", actual.Status, "Enabled")
	equal(t, "excluded", actual.ExcludeFolders && actual.ExcludedPrefixes[0].Prefix == "tmp/", true)
	equal(t, "no change", versioning.Refresh() && len(versioning.Diff(config("Enabled", "tmp/"))) == 0, true)
	noError(t, admin.s3.SuspendVersioning(t.Context(), "plugin-versions"))
	equal(t, "seen", versioning.Refresh(), true)
	equal(t, "outside change", changes(versioning.Diff(config("Enabled", "tmp/"))), "versioningConfiguration")
	noError(t, versioning.Update(config("Enabled")))
	noError(t, versioning.Delete())
	actual, err = admin.s3.GetBucketVersioning(t.Context(), "plugin-versions")
	noError(t, err)
	equal(t, "status after delete", actual.Status, "Suspended")
}

func TestObject(t *testing.T) {
	server, admin := start(t)
	server.Create(bucketKind, props{"bucket": "plugin-objects", "forceDestroy": true})
	inputs := props{"bucketName": "plugin-objects", "objectName": "raw/.keep", "content": "first"}
	object := server.Create(objectKind, inputs)
	equal(t, "id", object.ID, "raw/.keep")
	equal(t, "contentType", object.State.Text("contentType"), "application/octet-stream")
	equal(t, "etag", object.State.Text("etag"), "8b04d5e3775d298e78455efc5ca404d5")
	equal(t, "change of names", changes(object.Diff(inputs.With(props{"bucketName": "b", "objectName": "o"}))),
		"bucketName! objectName!")
	changed := inputs.With(props{"content": "second", "contentType": "text/plain"})
	equal(t, "change", changes(object.Diff(changed)), "content contentType")
	noError(t, object.Update(changed))
	info, err := admin.s3.StatObject(t.Context(), "plugin-objects", "raw/.keep", miniogo.StatObjectOptions{})
	noError(t, err)
	equal(t, "contentType on the server", info.ContentType, "text/plain")
	equal(t, "size", info.Size, int64(len("second")))
	equal(t, "no change", object.Refresh() && len(object.Diff(changed)) == 0, true)
	noError(t, admin.s3.RemoveObject(t.Context(), "plugin-objects", "raw/.keep", miniogo.RemoveObjectOptions{}))
	equal(t, "still there", object.Refresh(), false)
	noError(t, object.Delete())
}
