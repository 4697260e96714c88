// Package minio is the part of the official `minio` plugin that this project uses: buckets, objects, users and
// policies. It speaks to the server with MinIO's own clients.
package minio

import (
	"context"

	"github.com/pulumi/pulumi-go-provider/infer"

	"tenant-storage/toolchain/plugins/plugin"
)

// Serve is the plugin `pulumi-resource-minio`.
func Serve(ctx context.Context) error {
	return New().Serve(ctx)
}

// New is the plugin, not yet configured.
func New() plugin.Plugin {
	server := &server{}
	return plugin.Plugin{
		Name: "minio",
		Config: map[string]plugin.ConfigProperty{
			"minioServer":     {Env: []string{"MINIO_ENDPOINT"}},
			"minioUser":       {Env: []string{"MINIO_USER"}},
			"minioPassword":   {Env: []string{"MINIO_PASSWORD"}, Secret: true},
			"minioSsl":        {Env: []string{"MINIO_ENABLE_HTTPS"}},
			"minioInsecure":   {Env: []string{"MINIO_INSECURE"}},
			"minioCacertFile": {Env: []string{"MINIO_CACERT_FILE"}},
			"minioRegion":     {},
		},
		Configure: server.configure,
		Resources: []infer.InferredResource{
			infer.Resource(&bucket{server}),
			infer.Resource(&bucketVersioning{server}),
			infer.Resource(&object{server}),
			infer.Resource(&user{server}),
			infer.Resource(&policy{server}),
			infer.Resource(&userPolicyAttachment{server}),
		},
	}
}
