package minio

import (
	"context"
	"fmt"
	"strings"

	miniogo "github.com/minio/minio-go/v7"
	pulumi "github.com/pulumi/pulumi-go-provider"
	"github.com/pulumi/pulumi-go-provider/infer"

	"tenant-storage/toolchain/plugins/plugin"
)

// object is `minio.S3Object`. Its id is the object's name.
type object struct{ *server }

type objectArgs struct {
	BucketName  string  `pulumi:"bucketName" provider:"replaceOnChanges"`
	ObjectName  string  `pulumi:"objectName" provider:"replaceOnChanges"`
	Content     *string `pulumi:"content,optional"`
	ContentType *string `pulumi:"contentType,optional"`
}

type objectState struct {
	objectArgs
	ContentType   string  `pulumi:"contentType"`
	ETag          string  `pulumi:"etag"`
	VersionID     string  `pulumi:"versionId"`
	ContentBase64 *string `pulumi:"contentBase64,optional"` // always null, as is source; the official plugin keeps both
	Source        *string `pulumi:"source,optional"`
}

func (*object) Annotate(a infer.Annotator) { a.SetToken("index/s3Object", "S3Object") }

func (*object) Check(ctx context.Context, req infer.CheckRequest) (infer.CheckResponse[objectArgs], error) {
	args, failures, err := infer.DefaultCheck[objectArgs](ctx, req.NewInputs)
	if content := req.NewInputs.Get("content"); len(failures) == 0 && !content.IsComputed() && plugin.Or(args.Content, "") == "" {
		failures = append(failures, pulumi.CheckFailure{
			Property: "content", Reason: "is not set or empty: the official plugin cannot write an empty object either",
		})
	}
	return infer.CheckResponse[objectArgs]{Inputs: args, Failures: failures}, err
}

func (o *object) Create(
	ctx context.Context, req infer.CreateRequest[objectArgs],
) (infer.CreateResponse[objectState], error) {
	response := infer.CreateResponse[objectState]{ID: req.Inputs.ObjectName, Output: stateOf(req.Inputs)}
	if req.DryRun {
		return response, nil
	}
	var err error
	response.Output, err = o.put(ctx, req.Inputs)
	return response, err
}

func (o *object) Read(
	ctx context.Context, req infer.ReadRequest[objectArgs, objectState],
) (infer.ReadResponse[objectArgs, objectState], error) {
	gone := infer.ReadResponse[objectArgs, objectState]{}
	clients, err := o.connect()
	if err != nil {
		return gone, err
	}
	state, err := stat(ctx, clients.s3, req.State)
	if isCode(err, noSuchKey, noSuchBucket) {
		return gone, nil
	}
	return infer.ReadResponse[objectArgs, objectState]{ID: req.ID, Inputs: req.Inputs, State: state}, err
}

func (o *object) Update(
	ctx context.Context, req infer.UpdateRequest[objectArgs, objectState],
) (infer.UpdateResponse[objectState], error) {
	if req.DryRun {
		return infer.UpdateResponse[objectState]{Output: stateOf(req.Inputs)}, nil
	}
	state, err := o.put(ctx, req.Inputs)
	return infer.UpdateResponse[objectState]{Output: state}, err
}

func (o *object) Delete(ctx context.Context, req infer.DeleteRequest[objectState]) (infer.DeleteResponse, error) {
	clients, err := o.connect()
	if err != nil {
		return infer.DeleteResponse{}, err
	}
	err = clients.s3.RemoveObject(ctx, req.State.BucketName, req.State.ObjectName, miniogo.RemoveObjectOptions{})
	if err != nil && !isCode(err, noSuchBucket) {
		return infer.DeleteResponse{}, fmt.Errorf("deleting object failed (%s): %w", req.ID, err)
	}
	return infer.DeleteResponse{}, nil
}

func (o *object) put(ctx context.Context, args objectArgs) (objectState, error) {
	state := stateOf(args)
	clients, err := o.connect()
	if err != nil {
		return state, err
	}
	content := plugin.Or(args.Content, "")
	_, err = clients.s3.PutObject(ctx, args.BucketName, args.ObjectName, strings.NewReader(content), int64(len(content)),
		miniogo.PutObjectOptions{ContentType: plugin.Or(args.ContentType, "")})
	if err != nil {
		return state, fmt.Errorf("putting object failed (%s): %w", args.ObjectName, err)
	}
	return stat(ctx, clients.s3, state)
}

func stat(ctx context.Context, s3 *miniogo.Client, state objectState) (objectState, error) {
	info, err := s3.StatObject(ctx, state.BucketName, state.ObjectName, miniogo.StatObjectOptions{})
	if err != nil {
		return state, fmt.Errorf("reading object failed (%s): %w", state.ObjectName, err)
	}
	state.ContentType, state.ETag, state.VersionID = info.ContentType, info.ETag, info.VersionID
	return state, nil
}

func stateOf(args objectArgs) objectState {
	return objectState{objectArgs: args, ContentType: plugin.Or(args.ContentType, "")}
}
