package minio_test

import (
	"strings"
	"testing"

	"github.com/minio/madmin-go/v3"

	"tenant-storage/toolchain/plugins/plugintest"
)

const readPolicy = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow",` +
	`"Action":["s3:ListBucket","s3:GetBucketLocation"],"Resource":["arn:aws:s3:::plugin-user"]}]}`

func TestUserPolicyAndAttachment(t *testing.T) {
	server, admin := start(t)
	ctx := t.Context()
	server.Create(bucketKind, props{"bucket": "plugin-user"})
	inputs := props{"name": "plugin-user", "secret": plugintest.Secret("first-secret-1"), "tags": map[string]any{"a": "b"}}
	user := server.Create(userKind, inputs)
	policy := server.Create(policyKind, props{"name": "plugin-policy", "policy": readPolicy})
	other := server.Create(policyKind, props{"name": "plugin-policy2", "policy": readPolicy})
	attached := props{"userName": "plugin-user", "policyName": "plugin-policy"}
	attachment := server.Create(attachmentKind, attached)
	second := server.Create(attachmentKind, props{"userName": "plugin-user", "policyName": "plugin-policy2"})

	equal(t, "id", user.ID, "plugin-user")
	equal(t, "status", user.State.Text("status"), "enabled")
	equal(t, "status secret", user.State.IsSecret("status"), false)
	equal(t, "secret secret", user.State.IsSecret("secret") && user.Inputs.IsSecret("secret"), true)
	equal(t, "access", admin.mayList(ctx, "plugin-user", "first-secret-1", "plugin-user"), true)
	equal(t, "attachment's id", strings.HasPrefix(attachment.ID, "plugin-user-"), true)
	equal(t, "no change by each other", attachment.Refresh() && second.Refresh(), true)
	equal(t, "change of names", changes(attachment.Diff(props{"userName": "u", "policyName": "p"})), "policyName! userName!")

	rotated := inputs.With(props{"secret": plugintest.Secret("second-secret-2")})
	equal(t, "change of secret", changes(user.Diff(rotated)), "secret")
	noError(t, user.Update(rotated))
	equal(t, "old secret", admin.mayList(ctx, "plugin-user", "first-secret-1", "plugin-user"), false)
	equal(t, "new secret", admin.mayList(ctx, "plugin-user", "second-secret-2", "plugin-user"), true)

	noError(t, user.Update(rotated.With(props{"disableUser": true})))
	equal(t, "status", user.State.Text("status"), "disabled")
	equal(t, "access while disabled", admin.mayList(ctx, "plugin-user", "second-secret-2", "plugin-user"), false)
	noError(t, user.Update(rotated))
	equal(t, "access again", admin.mayList(ctx, "plugin-user", "second-secret-2", "plugin-user"), true)
	noError(t, admin.SetUserStatus(ctx, "plugin-user", madmin.AccountDisabled))
	equal(t, "status seen", user.Refresh() && user.State.Text("status") == "disabled", true)
	// The server knows no disabled user where policies are concerned, and so neither does the official plugin.
	errorWith(t, second.Delete(), "The specified user does not exist")
	noError(t, admin.SetUserStatus(ctx, "plugin-user", madmin.AccountEnabled))

	noError(t, second.Delete())
	info, err := admin.GetUserInfo(ctx, "plugin-user")
	noError(t, err)
	equal(t, "policies left", info.PolicyName, "plugin-policy")
	noError(t, other.Delete())

	noError(t, admin.RemoveUser(ctx, "plugin-user"))
	equal(t, "user gone", user.Refresh(), false)
	equal(t, "attachment gone", attachment.Refresh(), false)
	errorWith(t, user.Delete(), "The specified user does not exist")
	errorWith(t, attachment.Delete(), "The specified user does not exist")
	errorWith(t, user.Update(rotated.With(props{"disableUser": true})), "The specified user does not exist")
	noError(t, policy.Delete())
	equal(t, "policy gone", policy.Refresh(), false)
	noError(t, policy.Delete())
}

func TestUserSecretIsMadeUp(t *testing.T) {
	server, admin := start(t)
	server.Create(bucketKind, props{"bucket": "plugin-made-up"})
	user := server.Create(userKind, props{"name": "plugin-made-up", "forceDestroy": true})
	secret := user.State.Text("secret")
	equal(t, "length", len(secret), 40)
	equal(t, "secret", user.State.IsSecret("secret"), true)
	_, err := admin.AttachPolicy(t.Context(), madmin.PolicyAssociationReq{Policies: []string{"readwrite"}, User: "plugin-made-up"})
	noError(t, err)
	equal(t, "access", admin.mayList(t.Context(), "plugin-made-up", secret, "plugin-made-up"), true)
	noError(t, user.Update(props{"name": "plugin-made-up", "forceDestroy": true, "tags": map[string]any{"a": "b"}}))
	equal(t, "same secret", user.State.Text("secret"), secret)
}

func TestPolicyDocument(t *testing.T) {
	server, admin := start(t)
	inputs := props{"name": "plugin-document", "policy": readPolicy}
	policy := server.Create(policyKind, inputs)
	equal(t, "document of the server", strings.Contains(policy.State.Text("policy"), `["s3:GetBucketLocation","s3:ListBucket"]`), true)
	equal(t, "no change", policy.Refresh() && len(policy.Diff(inputs)) == 0, true)
	otherOrder := strings.Replace(readPolicy, `"s3:ListBucket","s3:GetBucketLocation"`, `"s3:GetBucketLocation","s3:ListBucket"`, 1)
	equal(t, "change of order", changes(policy.Diff(inputs.With(props{"policy": otherOrder}))), "")
	wider := strings.Replace(readPolicy, "s3:ListBucket", "s3:*", 1)
	equal(t, "change of name", changes(policy.Diff(inputs.With(props{"name": "other"}))), "name!")
	equal(t, "change", changes(policy.Diff(inputs.With(props{"policy": wider}))), "policy")
	noError(t, policy.Update(inputs.With(props{"policy": wider})))
	noError(t, policy.Update(inputs))
	noError(t, admin.AddCannedPolicy(t.Context(), "plugin-document", []byte(wider)))
	equal(t, "still there", policy.Refresh(), true)
	equal(t, "outside change", changes(policy.Diff(inputs)), "policy")
	_, err := server.TryCreate(policyKind, inputs.With(props{"policy": `{"Version":"2012-10-17"}`}))
	errorWith(t, err, "unable to write policy (plugin-document)")
}
