// Package plugin holds what the resource plugins share. A plugin here covers only part of the official one of the same
// name, so its first rule is: refuse, by name, everything it does not implement; never do silently less.
package plugin

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	pulumi "github.com/pulumi/pulumi-go-provider"
	"github.com/pulumi/pulumi-go-provider/infer"
	"github.com/pulumi/pulumi/pkg/v3/codegen/schema"
	"github.com/pulumi/pulumi/sdk/v3/go/common/tokens"
	"github.com/pulumi/pulumi/sdk/v3/go/common/util/contract"

	"tenant-storage/toolchain/plugins/versions"
)

// Plugin is one resource plugin.
type Plugin struct {
	// Name of the package: "minio".
	Name string
	// Config are the provider's properties, by name.
	Config map[string]ConfigProperty
	// Configure keeps the configuration. It must not contact the server: preview configures too.
	Configure func(Config) error
	// Resources are those that are covered.
	Resources []infer.InferredResource
	// WriteOnly are properties whose change alone is no change, by resource name ("Role").
	WriteOnly map[string][]string
}

// Serve answers the engine until it goes away.
func (p Plugin) Serve(ctx context.Context) error {
	return pulumi.RunProvider(ctx, p.Name, versions.Of(p.Name), p.Provider())
}

// Provider is the inferred provider behind the refusals.
func (p Plugin) Provider() pulumi.Provider {
	inner := infer.Provider(infer.Options{Resources: p.Resources})
	known := make(map[string]properties, len(p.Resources))
	for _, resource := range p.Resources {
		token, err := resource.GetToken()
		contract.AssertNoErrorf(err, "a resource of plugin %s has no token", p.Name)
		known[withoutPackage(token)] = propertiesOf(resource)
	}
	guard := guard{plugin: p, inner: inner, known: known}

	outer := inner
	outer.CheckConfig = p.checkConfig
	outer.DiffConfig = diffConfig
	outer.Configure = p.configure
	outer.Check = guard.check
	outer.Diff = guard.diff
	outer.Read = guard.read
	outer.Update = guard.update
	outer.Delete = guard.delete
	outer.Invoke = func(_ context.Context, req pulumi.InvokeRequest) (pulumi.InvokeResponse, error) {
		return pulumi.InvokeResponse{}, p.notCovered("function " + string(req.Token))
	}
	return outer
}

// notCovered is the error for everything that only the official plugin can do.
func (p Plugin) notCovered(what string) error {
	return fmt.Errorf("%s: %s", what, p.reason())
}

func (p Plugin) reason() string {
	return fmt.Sprintf("not implemented by the source-built %s plugin (toolchain/plugins). Leave it out, implement it "+
		"there, or install the official plugin where it can be downloaded: "+
		"`pulumi plugin install resource %s v%s --reinstall`", p.Name, p.Name, versions.Of(p.Name))
}

// properties are the names a resource's inputs and state may have.
type properties struct{ inputs, state []string }

func propertiesOf(resource infer.InferredResource) properties {
	spec, err := resource.GetSchema(func(tokens.Type, schema.ComplexTypeSpec) bool { return false })
	contract.AssertNoErrorf(err, "a resource's property tags are wrong")
	return properties{
		inputs: slices.Sorted(maps.Keys(spec.InputProperties)),
		state:  slices.Sorted(maps.Keys(spec.Properties)),
	}
}

// withoutPackage turns "minio:index/s3Bucket:S3Bucket" into "index/s3Bucket:S3Bucket".
func withoutPackage(token tokens.Type) string {
	_, rest, _ := strings.Cut(string(token), ":")
	return rest
}
