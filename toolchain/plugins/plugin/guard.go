package plugin

import (
	"context"
	"slices"
	"strings"

	pulumi "github.com/pulumi/pulumi-go-provider"
	"github.com/pulumi/pulumi/sdk/v3/go/property"
)

// guard stands before the inferred provider. It refuses what is not implemented, and makes states that the official
// plugin wrote readable, so that a stack can move between the two kinds of machine.
type guard struct {
	plugin Plugin
	inner  pulumi.Provider
	known  map[string]properties
}

func (g guard) check(ctx context.Context, req pulumi.CheckRequest) (pulumi.CheckResponse, error) {
	known, ok := g.known[withoutPackage(req.Urn.Type())]
	if !ok {
		return pulumi.CheckResponse{}, g.plugin.notCovered("resource " + string(req.Urn.Type()))
	}
	failures := []pulumi.CheckFailure{}
	for name, value := range req.Inputs.AllStable {
		switch {
		case slices.Contains(known.inputs, name):
		case value.IsNull() || isInternal(name):
			req.Inputs = req.Inputs.Delete(name)
		default:
			failures = append(failures, pulumi.CheckFailure{Property: name, Reason: g.plugin.reason()})
		}
	}
	if len(failures) > 0 {
		return pulumi.CheckResponse{Inputs: req.Inputs, Failures: failures}, nil
	}
	req.State = only(req.State, known.inputs)
	return g.inner.Check(ctx, req)
}

func (g guard) diff(ctx context.Context, req pulumi.DiffRequest) (pulumi.DiffResponse, error) {
	known := g.known[withoutPackage(req.Urn.Type())]
	req.State = only(req.State, known.state)
	req.OldInputs = only(req.OldInputs, known.inputs)
	// The engine has put the old inputs in their place already. The inner provider would take the state's values instead,
	// which the inputs need not say (a database's template), and see a change.
	req.IgnoreChanges = nil
	for _, name := range g.plugin.WriteOnly[string(req.Urn.Type().Name())] {
		req.Inputs = req.Inputs.Delete(name)
		req.OldInputs = req.OldInputs.Delete(name)
	}
	return g.inner.Diff(ctx, req)
}

func (g guard) read(ctx context.Context, req pulumi.ReadRequest) (pulumi.ReadResponse, error) {
	known := g.known[withoutPackage(req.Urn.Type())]
	req.Properties = only(req.Properties, known.state)
	req.Inputs = only(req.Inputs, known.inputs)
	return g.inner.Read(ctx, req)
}

func (g guard) update(ctx context.Context, req pulumi.UpdateRequest) (pulumi.UpdateResponse, error) {
	known := g.known[withoutPackage(req.Urn.Type())]
	req.State = only(req.State, known.state)
	req.OldInputs = only(req.OldInputs, known.inputs)
	req.IgnoreChanges = nil // as in diff
	return g.inner.Update(ctx, req)
}

func (g guard) delete(ctx context.Context, req pulumi.DeleteRequest) error {
	req.Properties = only(req.Properties, g.known[withoutPackage(req.Urn.Type())].state)
	return g.inner.Delete(ctx, req)
}

// only drops properties that are not in names: official plugins add their own bookkeeping (`__defaults`, `__meta`).
func only(properties property.Map, names []string) property.Map {
	for name := range properties.AllStable {
		if !slices.Contains(names, name) {
			properties = properties.Delete(name)
		}
	}
	return properties
}

func isInternal(name string) bool {
	return strings.HasPrefix(name, "__")
}
