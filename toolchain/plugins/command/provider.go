// Package command is the part of the official `command` plugin that this project uses: local.Command.
package command

import (
	"context"

	"github.com/pulumi/pulumi-go-provider/infer"

	"tenant-storage/toolchain/plugins/plugin"
)

// Serve is the plugin `pulumi-resource-command`.
func Serve(ctx context.Context) error {
	return New().Serve(ctx)
}

// New is the plugin.
func New() plugin.Plugin {
	return plugin.Plugin{Name: "command", Resources: []infer.InferredResource{infer.Resource(&local{})}}
}
