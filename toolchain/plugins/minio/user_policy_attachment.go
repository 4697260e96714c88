package minio

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/minio/madmin-go/v3"
	"github.com/pulumi/pulumi-go-provider/infer"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
)

// userPolicyAttachment is `minio.IamUserPolicyAttachment`. Its id is the user's name and something unique. Several
// policies on one user do not disturb each other.
type userPolicyAttachment struct{ *server }

type attachmentArgs struct {
	UserName   string `pulumi:"userName" provider:"replaceOnChanges"`
	PolicyName string `pulumi:"policyName" provider:"replaceOnChanges"`
}

// alreadyApplied is the server's answer when an attachment is as asked for already.
const alreadyApplied = "XMinioAdminPolicyChangeAlreadyApplied"

func (*userPolicyAttachment) Annotate(a infer.Annotator) {
	a.SetToken("index/iamUserPolicyAttachment", "IamUserPolicyAttachment")
}

func (u *userPolicyAttachment) Create(
	ctx context.Context, req infer.CreateRequest[attachmentArgs],
) (infer.CreateResponse[attachmentArgs], error) {
	response := infer.CreateResponse[attachmentArgs]{Output: req.Inputs}
	if req.DryRun {
		return response, nil
	}
	clients, err := u.connect()
	if err != nil {
		return response, err
	}
	if _, err := clients.admin.AttachPolicy(ctx, req.Inputs.request()); err != nil && !isCode(err, alreadyApplied) {
		return response, fmt.Errorf("unable to attach policy %s to user %s: %w",
			req.Inputs.PolicyName, req.Inputs.UserName, err)
	}
	response.ID, err = resource.NewUniqueHex(req.Inputs.UserName+"-", 26, 0)
	return response, err
}

func (u *userPolicyAttachment) Read(
	ctx context.Context, req infer.ReadRequest[attachmentArgs, attachmentArgs],
) (infer.ReadResponse[attachmentArgs, attachmentArgs], error) {
	gone := infer.ReadResponse[attachmentArgs, attachmentArgs]{}
	clients, err := u.connect()
	if err != nil {
		return gone, err
	}
	id, state := req.ID, req.State
	if state.UserName == "" {
		if id, state, err = imported(req.ID); err != nil {
			return gone, err
		}
	}
	info, err := clients.admin.GetUserInfo(ctx, state.UserName)
	if isCode(err, noSuchUser) {
		return gone, nil
	}
	if err != nil {
		return gone, fmt.Errorf("fail to load user infos (%s): %w", state.UserName, err)
	}
	if !slices.Contains(strings.Split(info.PolicyName, ","), state.PolicyName) {
		return gone, nil
	}
	return infer.ReadResponse[attachmentArgs, attachmentArgs]{ID: id, Inputs: state, State: state}, nil
}

// imported is what an import says: the user and the policy in place of the id, which no server knows.
func imported(given string) (id string, args attachmentArgs, err error) {
	user, policy, both := strings.Cut(given, "/")
	if !both || user == "" || policy == "" {
		return "", args, fmt.Errorf("unexpected format of ID (%q), expected <user-name>/<policy_name>", given)
	}
	id, err = resource.NewUniqueHex(user+"-", 26, 0)
	return id, attachmentArgs{UserName: user, PolicyName: policy}, err
}

// Delete fails when the user is gone already, as the official plugin does: `pulumi refresh` first.
func (u *userPolicyAttachment) Delete(
	ctx context.Context, req infer.DeleteRequest[attachmentArgs],
) (infer.DeleteResponse, error) {
	clients, err := u.connect()
	if err != nil {
		return infer.DeleteResponse{}, err
	}
	if _, err := clients.admin.DetachPolicy(ctx, req.State.request()); err != nil && !isCode(err, alreadyApplied) {
		return infer.DeleteResponse{}, fmt.Errorf("unable to detach policy %s from user %s: %w",
			req.State.PolicyName, req.State.UserName, err)
	}
	return infer.DeleteResponse{}, nil
}

func (a attachmentArgs) request() madmin.PolicyAssociationReq {
	return madmin.PolicyAssociationReq{Policies: []string{a.PolicyName}, User: a.UserName}
}
