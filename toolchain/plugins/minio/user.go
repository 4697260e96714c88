package minio

import (
	"context"
	"crypto/rand"
	"fmt"

	"github.com/minio/madmin-go/v3"
	"github.com/pulumi/pulumi-go-provider/infer"

	"tenant-storage/toolchain/plugins/plugin"
)

// user is `minio.IamUser`. Its id is its name.
type user struct{ *server }

type userArgs struct {
	Name         string            `pulumi:"name" provider:"replaceOnChanges"`
	Secret       *string           `pulumi:"secret,optional" provider:"secret"` // made up when left out
	DisableUser  *bool             `pulumi:"disableUser,optional"`
	ForceDestroy *bool             `pulumi:"forceDestroy,optional"`
	Tags         map[string]string `pulumi:"tags,optional"` // kept in the state; MinIO's users have none
}

type userState struct {
	userArgs
	Secret       string `pulumi:"secret" provider:"secret"`
	Status       string `pulumi:"status"` // "enabled" or "disabled"
	UpdateSecret *bool  `pulumi:"updateSecret,optional"`
}

func (*user) Annotate(a infer.Annotator) { a.SetToken("index/iamUser", "IamUser") }

// WireDependencies: a made-up secret is a secret, too.
func (*user) WireDependencies(f infer.FieldSelector, _ *userArgs, state *userState) {
	f.OutputField(&state.Secret).AlwaysSecret()
}

func (u *user) Create(ctx context.Context, req infer.CreateRequest[userArgs]) (infer.CreateResponse[userState], error) {
	secret := plugin.Or(req.Inputs.Secret, "")
	response := infer.CreateResponse[userState]{
		ID: req.Inputs.Name, Output: userState{userArgs: req.Inputs, Secret: secret},
	}
	if req.DryRun {
		return response, nil
	}
	clients, err := u.connect()
	if err != nil {
		return response, err
	}
	if secret == "" {
		secret = rand.Text() + rand.Text()[:14] // 40 characters, 200 bits
		response.Output.Secret = secret
	}
	wanted := wantedStatus(req.Inputs)
	if err := clients.admin.SetUser(ctx, req.Inputs.Name, secret, wanted); err != nil {
		return response, fmt.Errorf("error creating user (%s): %w", req.Inputs.Name, err)
	}
	response.Output.Status = string(wanted)
	return response, nil
}

func (u *user) Read(
	ctx context.Context, req infer.ReadRequest[userArgs, userState],
) (infer.ReadResponse[userArgs, userState], error) {
	gone := infer.ReadResponse[userArgs, userState]{}
	clients, err := u.connect()
	if err != nil {
		return gone, err
	}
	info, err := clients.admin.GetUserInfo(ctx, req.ID)
	if isCode(err, noSuchUser) {
		return gone, nil
	}
	if err != nil {
		return gone, fmt.Errorf("error reading IAM User (%s): %w", req.ID, err)
	}
	response := infer.ReadResponse[userArgs, userState]{ID: req.ID, Inputs: req.Inputs, State: req.State}
	response.Inputs.Name, response.State.Name = req.ID, req.ID
	response.State.Status = string(info.Status)
	return response, nil
}

func (u *user) Update(
	ctx context.Context, req infer.UpdateRequest[userArgs, userState],
) (infer.UpdateResponse[userState], error) {
	secret := plugin.Or(req.Inputs.Secret, req.State.Secret)
	wanted := wantedStatus(req.Inputs)
	response := infer.UpdateResponse[userState]{
		Output: userState{userArgs: req.Inputs, Secret: secret, Status: string(wanted)},
	}
	if req.DryRun {
		return response, nil
	}
	clients, err := u.connect()
	if err != nil {
		return response, err
	}
	info, err := clients.admin.GetUserInfo(ctx, req.ID)
	if err != nil {
		return response, fmt.Errorf("error reading IAM User (%s): %w", req.ID, err)
	}
	switch {
	case secret != req.State.Secret:
		err = clients.admin.SetUser(ctx, req.ID, secret, wanted)
	case info.Status != wanted:
		err = clients.admin.SetUserStatus(ctx, req.ID, wanted)
	}
	if err != nil {
		return response, fmt.Errorf("error updating IAM User (%s): %w", req.ID, err)
	}
	return response, nil
}

// Delete fails when the user is gone already, as the official plugin does: `pulumi refresh` first.
func (u *user) Delete(ctx context.Context, req infer.DeleteRequest[userState]) (infer.DeleteResponse, error) {
	clients, err := u.connect()
	if err != nil {
		return infer.DeleteResponse{}, err
	}
	if err := clients.admin.RemoveUser(ctx, req.ID); err != nil {
		return infer.DeleteResponse{}, fmt.Errorf("error deleting IAM User (%s): %w", req.ID, err)
	}
	return infer.DeleteResponse{}, nil
}

func wantedStatus(args userArgs) madmin.AccountStatus {
	if plugin.Or(args.DisableUser, false) {
		return madmin.AccountDisabled
	}
	return madmin.AccountEnabled
}
