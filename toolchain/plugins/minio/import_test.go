package minio_test

import (
	"strings"
	"testing"

	"github.com/minio/madmin-go/v3"
)

// What somebody else made is read by its name alone, and is no change to a program that says the same.
func TestImport(t *testing.T) {
	server, admin := start(t)
	ctx := t.Context()
	inputs := map[string]props{
		bucketKind:     {"bucket": "plugin-import", "acl": "private", "quota": 1 << 20},
		userKind:       {"name": "plugin-import"},
		policyKind:     {"name": "plugin-import", "policy": strings.ReplaceAll(readPolicy, "plugin-user", "plugin-import")},
		attachmentKind: {"userName": "plugin-import", "policyName": "plugin-import"},
	}
	for _, kind := range []string{bucketKind, policyKind, userKind, attachmentKind} {
		server.Create(kind, inputs[kind])
	}
	ids := map[string]string{attachmentKind: "plugin-import/plugin-import"}
	for kind, want := range inputs {
		id := ids[kind]
		if id == "" {
			id = "plugin-import"
		}
		imported, err := server.Import(kind, id)
		noError(t, err)
		equal(t, "change of "+kind, changes(imported.Diff(want)), "")
		equal(t, "checked again "+kind, len(imported.Inputs), len(want))
		equal(t, "still there "+kind, imported.Refresh(), true)
		absent, err := server.Import(kind, strings.ReplaceAll(id, "import", "absent"))
		noError(t, err)
		equal(t, "absent "+kind, absent == nil, true)
	}
	imported, err := server.Import(userKind, "plugin-import")
	noError(t, err)
	// No server tells a secret; the first one that the program says is set.
	noError(t, imported.Update(props{"name": "plugin-import", "secret": "imported-secret-1"}))
	equal(t, "access", admin.mayList(ctx, "plugin-import", "imported-secret-1", "plugin-import"), true)

	attachment, err := server.Import(attachmentKind, "plugin-import/plugin-import")
	noError(t, err)
	equal(t, "attachment's id", strings.HasPrefix(attachment.ID, "plugin-import-"), true)
	_, err = server.Import(attachmentKind, "plugin-import")
	errorWith(t, err, `unexpected format of ID ("plugin-import"), expected <user-name>/<policy_name>`)
	_, err = admin.DetachPolicy(ctx, madmin.PolicyAssociationReq{Policies: []string{"plugin-import"}, User: "plugin-import"})
	noError(t, err)
	detached, err := server.Import(attachmentKind, "plugin-import/plugin-import")
	noError(t, err)
	equal(t, "detached", detached == nil, true)
}
