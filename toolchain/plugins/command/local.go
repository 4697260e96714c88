package command

import (
	"context"

	pulumi "github.com/pulumi/pulumi-go-provider"
	"github.com/pulumi/pulumi-go-provider/infer"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"

	"tenant-storage/toolchain/plugins/plugin"
)

// local is `command.local.Command`. Its id is the resource's name and 9 hexadecimal digits. The SDK itself asks for a
// replacement when a trigger changes; every other change runs `update`, or `create` where there is none.
type local struct{}

type localArgs struct {
	Create                 *string           `pulumi:"create,optional"`
	Update                 *string           `pulumi:"update,optional"`
	Delete                 *string           `pulumi:"delete,optional"`
	Interpreter            []string          `pulumi:"interpreter,optional"`
	Dir                    *string           `pulumi:"dir,optional"`
	Environment            map[string]string `pulumi:"environment,optional"`
	Stdin                  *string           `pulumi:"stdin,optional"`
	Triggers               []any             `pulumi:"triggers,optional"`
	AddPreviousOutputInEnv *bool             `pulumi:"addPreviousOutputInEnv,optional"`
	Logging                *string           `pulumi:"logging,optional"`
}

type localState struct {
	localArgs
	Stdout string `pulumi:"stdout"`
	Stderr string `pulumi:"stderr"`
}

// What of a command's output is shown while it runs.
const (
	logBoth   = "stdoutAndStderr"
	logStdout = "stdout"
	logStderr = "stderr"
	logNone   = "none"
)

func (*local) Annotate(a infer.Annotator) { a.SetToken("local", "Command") }

func (*local) Check(ctx context.Context, req infer.CheckRequest) (infer.CheckResponse[localArgs], error) {
	args, failures, err := infer.DefaultCheck[localArgs](ctx, req.NewInputs)
	switch plugin.Or(args.Logging, logBoth) {
	case logBoth, logStdout, logStderr, logNone:
	default:
		failures = append(failures, pulumi.CheckFailure{
			Property: "logging", Reason: "is not one of stdoutAndStderr, stdout, stderr and none",
		})
	}
	return infer.CheckResponse[localArgs]{Inputs: args, Failures: failures}, err
}

func (*local) Create(
	ctx context.Context, req infer.CreateRequest[localArgs],
) (infer.CreateResponse[localState], error) {
	response := infer.CreateResponse[localState]{Output: localState{localArgs: req.Inputs}}
	var err error
	if response.ID, err = resource.NewUniqueHex(req.Name, 9, 0); err != nil || req.DryRun {
		return response, err
	}
	return response, response.Output.run(ctx, req.Inputs.Create)
}

func (*local) Update(
	ctx context.Context, req infer.UpdateRequest[localArgs, localState],
) (infer.UpdateResponse[localState], error) {
	response := infer.UpdateResponse[localState]{Output: req.State}
	response.Output.localArgs = req.Inputs
	if req.DryRun {
		return response, nil
	}
	line := req.Inputs.Update
	if line == nil {
		line = req.Inputs.Create
	}
	return response, response.Output.run(ctx, line)
}

func (*local) Delete(ctx context.Context, req infer.DeleteRequest[localState]) (infer.DeleteResponse, error) {
	return infer.DeleteResponse{}, req.State.run(ctx, req.State.Delete)
}
