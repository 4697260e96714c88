// Package random is the part of the official `random` plugin that this project uses: RandomPassword.
package random

import (
	"context"

	"github.com/pulumi/pulumi-go-provider/infer"

	"tenant-storage/toolchain/plugins/plugin"
)

// Serve is the plugin `pulumi-resource-random`.
func Serve(ctx context.Context) error {
	return New().Serve(ctx)
}

// New is the plugin.
func New() plugin.Plugin {
	return plugin.Plugin{Name: "random", Resources: []infer.InferredResource{infer.Resource(&password{})}}
}
