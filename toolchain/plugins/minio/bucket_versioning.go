package minio

import (
	"context"
	"fmt"

	miniogo "github.com/minio/minio-go/v7"
	pulumi "github.com/pulumi/pulumi-go-provider"
	"github.com/pulumi/pulumi-go-provider/infer"

	"tenant-storage/toolchain/plugins/plugin"
)

// bucketVersioning is `minio.S3BucketVersioning`. Its id is the bucket's name.
type bucketVersioning struct{ *server }

type bucketVersioningArgs struct {
	Bucket                  string                  `pulumi:"bucket" provider:"replaceOnChanges"`
	VersioningConfiguration versioningConfiguration `pulumi:"versioningConfiguration"`
}

type versioningConfiguration struct {
	Status           string   `pulumi:"status"` // "Enabled" or "Suspended"
	ExcludedPrefixes []string `pulumi:"excludedPrefixes,optional"`
	ExcludeFolders   *bool    `pulumi:"excludeFolders,optional"`
}

func (*bucketVersioning) Annotate(a infer.Annotator) {
	a.SetToken("index/s3BucketVersioning", "S3BucketVersioning")
}

func (*bucketVersioning) Check(
	ctx context.Context, req infer.CheckRequest,
) (infer.CheckResponse[bucketVersioningArgs], error) {
	args, failures, err := infer.DefaultCheck[bucketVersioningArgs](ctx, req.NewInputs)
	status := args.VersioningConfiguration.Status
	if len(failures) == 0 && status != "" && status != miniogo.Enabled && status != miniogo.Suspended {
		failures = append(failures, pulumi.CheckFailure{
			Property: "versioningConfiguration.status", Reason: fmt.Sprintf("is %q, not Enabled or Suspended", status),
		})
	}
	return infer.CheckResponse[bucketVersioningArgs]{Inputs: args, Failures: failures}, err
}

func (b *bucketVersioning) Create(
	ctx context.Context, req infer.CreateRequest[bucketVersioningArgs],
) (infer.CreateResponse[bucketVersioningArgs], error) {
	response := infer.CreateResponse[bucketVersioningArgs]{ID: req.Inputs.Bucket, Output: req.Inputs}
	if req.DryRun {
		return response, nil
	}
	return response, b.set(ctx, req.Inputs.Bucket, req.Inputs.VersioningConfiguration)
}

func (b *bucketVersioning) Read(
	ctx context.Context, req infer.ReadRequest[bucketVersioningArgs, bucketVersioningArgs],
) (infer.ReadResponse[bucketVersioningArgs, bucketVersioningArgs], error) {
	gone := infer.ReadResponse[bucketVersioningArgs, bucketVersioningArgs]{}
	clients, err := b.connect()
	if err != nil {
		return gone, err
	}
	actual, err := clients.s3.GetBucketVersioning(ctx, req.ID)
	if isCode(err, noSuchBucket) {
		return gone, nil
	}
	if err != nil {
		return gone, fmt.Errorf("unable to read the versioning of bucket (%s): %w", req.ID, err)
	}
	args := req.Inputs
	args.Bucket = req.ID
	args.VersioningConfiguration.Status = actual.Status
	plugin.Observe(&args.VersioningConfiguration.ExcludeFolders, actual.ExcludeFolders, false)
	args.VersioningConfiguration.ExcludedPrefixes = nil
	for _, excluded := range actual.ExcludedPrefixes {
		args.VersioningConfiguration.ExcludedPrefixes = append(args.VersioningConfiguration.ExcludedPrefixes, excluded.Prefix)
	}
	return infer.ReadResponse[bucketVersioningArgs, bucketVersioningArgs]{ID: req.ID, Inputs: args, State: args}, nil
}

func (b *bucketVersioning) Update(
	ctx context.Context, req infer.UpdateRequest[bucketVersioningArgs, bucketVersioningArgs],
) (infer.UpdateResponse[bucketVersioningArgs], error) {
	response := infer.UpdateResponse[bucketVersioningArgs]{Output: req.Inputs}
	if req.DryRun {
		return response, nil
	}
	return response, b.set(ctx, req.Inputs.Bucket, req.Inputs.VersioningConfiguration)
}

// Delete suspends versioning: S3 knows no way back to "never versioned".
func (b *bucketVersioning) Delete(
	ctx context.Context, req infer.DeleteRequest[bucketVersioningArgs],
) (infer.DeleteResponse, error) {
	err := b.set(ctx, req.ID, versioningConfiguration{Status: miniogo.Suspended})
	if isCode(err, noSuchBucket) {
		err = nil
	}
	return infer.DeleteResponse{}, err
}

func (b *bucketVersioning) set(ctx context.Context, name string, wanted versioningConfiguration) error {
	clients, err := b.connect()
	if err != nil {
		return err
	}
	config := miniogo.BucketVersioningConfiguration{
		Status:         wanted.Status,
		ExcludeFolders: plugin.Or(wanted.ExcludeFolders, false),
	}
	for _, prefix := range wanted.ExcludedPrefixes {
		config.ExcludedPrefixes = append(config.ExcludedPrefixes, miniogo.ExcludedPrefix{Prefix: prefix})
	}
	if err := clients.s3.SetBucketVersioning(ctx, name, config); err != nil {
		return fmt.Errorf("unable to set the versioning of bucket (%s): %w", name, err)
	}
	return nil
}
