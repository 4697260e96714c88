package minio

import (
	"context"
	"errors"
	"fmt"

	"github.com/minio/madmin-go/v3"
	miniogo "github.com/minio/minio-go/v7"
	pulumi "github.com/pulumi/pulumi-go-provider"
	"github.com/pulumi/pulumi-go-provider/infer"

	"tenant-storage/toolchain/plugins/plugin"
)

// bucket is `minio.S3Bucket`. Its id is its name.
type bucket struct{ *server }

type bucketArgs struct {
	Bucket        string  `pulumi:"bucket" provider:"replaceOnChanges"`
	ACL           *string `pulumi:"acl,optional"`
	ForceDestroy  *bool   `pulumi:"forceDestroy,optional"` // true: delete with everything in it
	Quota         *int    `pulumi:"quota,optional"`        // bytes; 0 or left out: none
	ObjectLocking *bool   `pulumi:"objectLocking,optional"`
}

type bucketState struct {
	bucketArgs
	ARN              string  `pulumi:"arn"`
	BucketDomainName string  `pulumi:"bucketDomainName"`
	BucketPrefix     *string `pulumi:"bucketPrefix,optional"` // always null; the official plugin keeps it
}

func (*bucket) Annotate(a infer.Annotator) { a.SetToken("index/s3Bucket", "S3Bucket") }

func (args *bucketArgs) Annotate(a infer.Annotator) {
	a.SetDefault(&args.ACL, "private")
}

func (*bucket) Check(ctx context.Context, req infer.CheckRequest) (infer.CheckResponse[bucketArgs], error) {
	args, failures, err := infer.DefaultCheck[bucketArgs](ctx, req.NewInputs)
	if plugin.Or(args.ACL, "private") != "private" {
		failures = append(failures, pulumi.CheckFailure{
			Property: "acl", Reason: `this source-built plugin knows only "private"`,
		})
	}
	if plugin.Or(args.ObjectLocking, false) {
		failures = append(failures, pulumi.CheckFailure{
			Property: "objectLocking", Reason: "this source-built plugin does not implement object locking: leave it out",
		})
	}
	if plugin.Or(args.Quota, 0) < 0 {
		failures = append(failures, pulumi.CheckFailure{Property: "quota", Reason: "is a number of bytes, zero or more"})
	}
	return infer.CheckResponse[bucketArgs]{Inputs: args, Failures: failures}, err
}

func (b *bucket) Create(
	ctx context.Context, req infer.CreateRequest[bucketArgs],
) (infer.CreateResponse[bucketState], error) {
	name := req.Inputs.Bucket
	response := infer.CreateResponse[bucketState]{ID: name, Output: bucketState{bucketArgs: req.Inputs}}
	if req.DryRun {
		return response, nil
	}
	clients, err := b.connect()
	if err != nil {
		return response, err
	}
	response.Output = b.state(req.Inputs, clients)
	exists, err := clients.s3.BucketExists(ctx, name)
	if err != nil {
		return response, fmt.Errorf("unable to check bucket (%s): %w", name, err)
	}
	if exists {
		return response, fmt.Errorf("bucket already exists! (%s): choose another name, or delete it first", name)
	}
	if err := clients.s3.MakeBucket(ctx, name, miniogo.MakeBucketOptions{Region: b.region}); err != nil {
		return response, fmt.Errorf("unable to create bucket (%s): %w", name, err)
	}
	if plugin.Or(req.Inputs.Quota, 0) > 0 {
		if err := setQuota(ctx, clients, req.Inputs); err != nil {
			// The bucket is there: keep it in the state, so that it is neither lost nor in the way.
			return response, infer.ResourceInitFailedError{Reasons: []string{err.Error()}}
		}
	}
	return response, nil
}

func (b *bucket) Read(
	ctx context.Context, req infer.ReadRequest[bucketArgs, bucketState],
) (infer.ReadResponse[bucketArgs, bucketState], error) {
	gone := infer.ReadResponse[bucketArgs, bucketState]{}
	clients, err := b.connect()
	if err != nil {
		return gone, err
	}
	exists, err := clients.s3.BucketExists(ctx, req.ID)
	if err != nil {
		return gone, fmt.Errorf("error checking bucket existence (%s): %w", req.ID, err)
	}
	if !exists {
		return gone, nil
	}
	quota, err := clients.admin.GetBucketQuota(ctx, req.ID)
	if err != nil {
		return gone, fmt.Errorf("unable to read the quota of bucket (%s): %w", req.ID, err)
	}
	args := req.Inputs
	if args.Bucket == "" { // import
		args.ACL = plugin.Ref("private")
	}
	args.Bucket = req.ID
	plugin.Observe(&args.Quota, int(max(quota.Quota, quota.Size)), 0)
	return infer.ReadResponse[bucketArgs, bucketState]{ID: req.ID, Inputs: args, State: b.state(args, clients)}, nil
}

func (b *bucket) Update(
	ctx context.Context, req infer.UpdateRequest[bucketArgs, bucketState],
) (infer.UpdateResponse[bucketState], error) {
	response := infer.UpdateResponse[bucketState]{Output: req.State}
	response.Output.bucketArgs = req.Inputs
	if req.DryRun {
		return response, nil
	}
	clients, err := b.connect()
	if err != nil {
		return response, err
	}
	response.Output = b.state(req.Inputs, clients)
	if plugin.Or(req.Inputs.Quota, 0) != plugin.Or(req.State.Quota, 0) {
		err = setQuota(ctx, clients, req.Inputs)
	}
	return response, err
}

func (b *bucket) Delete(ctx context.Context, req infer.DeleteRequest[bucketState]) (infer.DeleteResponse, error) {
	clients, err := b.connect()
	if err != nil {
		return infer.DeleteResponse{}, err
	}
	if plugin.Or(req.State.ForceDestroy, false) {
		err = empty(ctx, clients.s3, req.ID)
	}
	if err == nil {
		err = clients.s3.RemoveBucket(ctx, req.ID)
	}
	if err != nil && !isCode(err, noSuchBucket) {
		return infer.DeleteResponse{}, fmt.Errorf("unable to remove bucket (%s): %w", req.ID, err)
	}
	return infer.DeleteResponse{}, nil
}

func (b *bucket) state(args bucketArgs, clients clients) bucketState {
	return bucketState{
		bucketArgs:       args,
		ARN:              "arn:aws:s3:::" + args.Bucket,
		BucketDomainName: clients.s3.EndpointURL().String() + "/minio/" + args.Bucket,
	}
}

func setQuota(ctx context.Context, clients clients, args bucketArgs) error {
	quota := madmin.BucketQuota{Size: uint64(plugin.Or(args.Quota, 0)), Type: madmin.HardQuota}
	if err := clients.admin.SetBucketQuota(ctx, args.Bucket, &quota); err != nil {
		return fmt.Errorf("error setting bucket quota (%s): %w", args.Bucket, err)
	}
	return nil
}

// empty deletes every version of every object.
func empty(ctx context.Context, s3 *miniogo.Client, name string) error {
	// RemoveObjects reads only objects; a failed listing must reach the caller all the same.
	var failed error
	objects := make(chan miniogo.ObjectInfo)
	go func() {
		defer close(objects)
		for object := range s3.ListObjects(ctx, name, miniogo.ListObjectsOptions{Recursive: true, WithVersions: true}) {
			if object.Err != nil {
				failed = object.Err
				return
			}
			objects <- object
		}
	}()
	var errs []error
	for removal := range s3.RemoveObjects(ctx, name, objects, miniogo.RemoveObjectsOptions{}) {
		errs = append(errs, fmt.Errorf("object %s: %w", removal.ObjectName, removal.Err))
	}
	return errors.Join(append(errs, failed)...)
}
