package plugin

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strconv"

	pulumi "github.com/pulumi/pulumi-go-provider"
	"github.com/pulumi/pulumi/sdk/v3/go/property"
)

// ConfigProperty is one property of a provider.
type ConfigProperty struct {
	// Env are the environment variables that stand in when the property is not set, first one first. They are read
	// when the provider is configured, so their values never enter the state.
	Env []string
	// Secret properties are encrypted in the state.
	Secret bool
}

// Config is a provider's configuration as text: the SDKs send even numbers and booleans as JSON text.
type Config struct {
	plugin Plugin
	values map[string]string
}

// Text returns a property, else its environment variable, else the fallback.
func (c Config) Text(name, fallback string) string {
	if value := c.values[name]; value != "" {
		return value
	}
	for _, variable := range c.plugin.Config[name].Env {
		if value := os.Getenv(variable); value != "" {
			return value
		}
	}
	return fallback
}

// Bool is Text as a boolean.
func (c Config) Bool(name string, fallback bool) (bool, error) {
	return parse(c, name, strconv.FormatBool(fallback), strconv.ParseBool)
}

// Int is Text as a whole number.
func (c Config) Int(name string, fallback int) (int, error) {
	return parse(c, name, strconv.Itoa(fallback), strconv.Atoi)
}

func parse[T any](c Config, name, fallback string, parser func(string) (T, error)) (T, error) {
	value, err := parser(c.Text(name, fallback))
	if err != nil {
		return value, fmt.Errorf("%s provider: %s: %w", c.plugin.Name, name, err)
	}
	return value, nil
}

func (p Plugin) checkConfig(_ context.Context, req pulumi.CheckRequest) (pulumi.CheckResponse, error) {
	failures := []pulumi.CheckFailure{}
	for name, value := range req.Inputs.AllStable {
		known, ok := p.Config[name]
		switch {
		case ok && known.Secret:
			req.Inputs = req.Inputs.Set(name, value.WithSecret(true))
		case ok || value.IsNull() || isEngines(name):
		default:
			failures = append(failures, pulumi.CheckFailure{Property: name, Reason: p.reason()})
		}
	}
	return pulumi.CheckResponse{Inputs: req.Inputs, Failures: failures}, nil
}

// diffConfig never replaces: a moved server or a rotated password must not recreate every resource.
func diffConfig(_ context.Context, req pulumi.DiffRequest) (pulumi.DiffResponse, error) {
	diff := map[string]pulumi.PropertyDiff{}
	for name, value := range req.Inputs.All {
		old, had := req.OldInputs.GetOk(name)
		switch {
		case !had:
			diff[name] = pulumi.PropertyDiff{Kind: pulumi.Add, InputDiff: true}
		case !old.WithSecret(false).Equals(value.WithSecret(false)):
			diff[name] = pulumi.PropertyDiff{Kind: pulumi.Update, InputDiff: true}
		}
	}
	for name := range req.OldInputs.All {
		if _, has := req.Inputs.GetOk(name); !has {
			diff[name] = pulumi.PropertyDiff{Kind: pulumi.Delete, InputDiff: true}
		}
	}
	return pulumi.DiffResponse{HasChanges: len(diff) > 0, DetailedDiff: diff}, nil
}

func (p Plugin) configure(_ context.Context, req pulumi.ConfigureRequest) error {
	config := Config{plugin: p, values: map[string]string{}}
	for name, value := range req.Args.All {
		if text, ok := asText(value); ok {
			config.values[name] = text
		}
	}
	if p.Configure == nil {
		return nil
	}
	return p.Configure(config)
}

// asText says false for what is not known yet, in a preview.
func asText(value property.Value) (string, bool) {
	switch {
	case value.IsString():
		return value.AsString(), true
	case value.IsBool():
		return strconv.FormatBool(value.AsBool()), true
	case value.IsNumber():
		return strconv.FormatFloat(value.AsNumber(), 'f', -1, 64), true
	default:
		return "", false
	}
}

// isEngines reports the properties that the engine itself keeps beside a provider's.
func isEngines(name string) bool {
	return isInternal(name) || slices.Contains([]string{"version", "pluginDownloadURL"}, name)
}
