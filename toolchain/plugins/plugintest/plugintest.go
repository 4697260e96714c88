// Package plugintest drives a plugin the way the engine does, message by message, against a real server.
package plugintest

import (
	"context"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	pulumi "github.com/pulumi/pulumi-go-provider"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/plugin"
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
	"google.golang.org/protobuf/types/known/structpb"

	ours "tenant-storage/toolchain/plugins/plugin"
	"tenant-storage/toolchain/plugins/versions"
)

// Props are a resource's properties. A Secret is one in the state, too; Unknown is what a preview does not know.
type Props map[string]any

// Secret wraps a value that the engine keeps encrypted.
func Secret(value any) any { return resource.MakeSecret(resource.NewPropertyValue(value)) }

// Unknown is a text that is not known yet.
func Unknown() any { return resource.MakeComputed(resource.NewProperty("")) }

// Env returns an environment variable that says where a server is. Without it the test fails: a test that needs a
// server and has none has shown nothing.
func Env(t *testing.T, name string) string {
	t.Helper()
	value := os.Getenv(name)
	if value == "" {
		t.Fatalf("%s is not set: these tests need the real stores. Start them, then: eval \"$(npm run -s env)\"", name)
	}
	return value
}

// Server is a configured plugin.
type Server struct {
	t   *testing.T
	pkg string
	rpc pulumirpc.ResourceProviderServer
}

// Start configures a plugin.
func Start(t *testing.T, p ours.Plugin, config Props) *Server {
	t.Helper()
	server := Unconfigured(t, p)
	if err := server.Configure(config); err != nil {
		t.Fatal(err)
	}
	return server
}

// Unconfigured is a plugin before its provider is configured.
func Unconfigured(t *testing.T, p ours.Plugin) *Server {
	t.Helper()
	rpc, err := pulumi.RawServer(p.Name, versions.Of(p.Name), p.Provider())(nil)
	if err != nil {
		t.Fatal(err)
	}
	server := &Server{t: t, pkg: p.Name, rpc: rpc}
	if _, err := rpc.Handshake(t.Context(), &pulumirpc.ProviderHandshakeRequest{ConfigureWithUrn: true}); err != nil {
		t.Fatal(err)
	}
	return server
}

// In is the same plugin in a subtest.
func (s *Server) In(t *testing.T) *Server {
	return &Server{t: t, pkg: s.pkg, rpc: s.rpc}
}

// CheckConfig returns the checked configuration, or what is wrong with it.
func (s *Server) CheckConfig(config Props) (Props, []string) {
	s.t.Helper()
	answer, err := s.rpc.CheckConfig(s.t.Context(), &pulumirpc.CheckRequest{
		Urn: "urn:pulumi:test::test::pulumi:providers:" + s.pkg + "::test", News: s.marshal(config),
	})
	if err != nil {
		s.t.Fatal(err)
	}
	return s.unmarshal(answer.GetInputs()), reasons(answer.GetFailures())
}

// DiffConfig is Diff for two configurations, as one text.
func (s *Server) DiffConfig(olds, news Props) string {
	s.t.Helper()
	answer, err := s.rpc.DiffConfig(s.t.Context(), &pulumirpc.DiffRequest{
		Urn: "urn:pulumi:test::test::pulumi:providers:" + s.pkg + "::test", Olds: s.marshal(olds), OldInputs: s.marshal(olds),
		News: s.marshal(news),
	})
	if err != nil {
		s.t.Fatal(err)
	}
	return strings.Join(changed(answer), " ")
}

// Configure hands the configuration over.
func (s *Server) Configure(config Props) error {
	s.t.Helper()
	_, err := s.rpc.Configure(s.t.Context(), &pulumirpc.ConfigureRequest{
		Args: s.marshal(config), AcceptSecrets: true, SendsOldInputs: true, SendsOldInputsToDelete: true,
	})
	return err
}

// Check returns the checked inputs of a resource of that type ("index/role:Role"), or what is wrong with them.
func (s *Server) Check(kind string, inputs Props) (Props, []string) {
	s.t.Helper()
	answer, err := s.rpc.Check(s.t.Context(), &pulumirpc.CheckRequest{Urn: s.urn(kind), News: s.marshal(inputs)})
	if err != nil {
		return nil, []string{err.Error()}
	}
	return s.unmarshal(answer.GetInputs()), reasons(answer.GetFailures())
}

// Instance is one resource as the engine remembers it.
type Instance struct {
	*Server
	Kind   string
	ID     string
	Inputs Props
	State  Props
}

// Create makes a resource and deletes it when the test ends. A failure ends the test.
func (s *Server) Create(kind string, inputs Props) *Instance {
	s.t.Helper()
	instance, err := s.TryCreate(kind, inputs)
	if err != nil {
		s.t.Fatalf("create %s: %v", kind, err)
	}
	s.t.Cleanup(func() { _ = instance.Delete() }) // the test may have deleted it
	return instance
}

// TryCreate makes a resource, or returns why not.
func (s *Server) TryCreate(kind string, inputs Props) (*Instance, error) {
	s.t.Helper()
	checked := s.checked(kind, inputs)
	answer, err := s.rpc.Create(s.t.Context(), &pulumirpc.CreateRequest{Urn: s.urn(kind), Properties: s.marshal(checked)})
	if err != nil {
		return nil, err
	}
	return &Instance{
		Server: s, Kind: kind, ID: answer.GetId(), Inputs: checked, State: s.unmarshal(answer.GetProperties()),
	}, nil
}

// PreviewCreate returns the state that a preview shows.
func (s *Server) PreviewCreate(kind string, inputs Props) Props {
	s.t.Helper()
	answer, err := s.rpc.Create(s.t.Context(), &pulumirpc.CreateRequest{
		Urn: s.urn(kind), Properties: s.marshal(s.checked(kind, inputs)), Preview: true,
	})
	if err != nil {
		s.t.Fatalf("preview %s: %v", kind, err)
	}
	return s.unmarshal(answer.GetProperties())
}

// Diff returns the changed properties, sorted; those that replace the resource end in "!". What is to be ignored, the engine has
// left out of the inputs, or put back, before it asks.
func (i *Instance) Diff(inputs Props, ignoring ...string) []string {
	i.t.Helper()
	answer, err := i.rpc.Diff(i.t.Context(), &pulumirpc.DiffRequest{
		Id: i.ID, Urn: i.urn(i.Kind), Olds: i.marshal(i.State), OldInputs: i.marshal(i.Inputs),
		News: i.marshal(i.checked(i.Kind, inputs)), IgnoreChanges: ignoring,
	})
	if err != nil {
		i.t.Fatalf("diff %s: %v", i.Kind, err)
	}
	return changed(answer)
}

func changed(answer *pulumirpc.DiffResponse) []string {
	changes := []string{}
	for _, property := range answer.GetDiffs() {
		if slices.Contains(answer.GetReplaces(), property) {
			property += "!"
		}
		changes = append(changes, property)
	}
	slices.Sort(changes)
	return changes
}

// Update changes the resource.
func (i *Instance) Update(inputs Props) error {
	i.t.Helper()
	checked := i.checked(i.Kind, inputs)
	answer, err := i.rpc.Update(i.t.Context(), &pulumirpc.UpdateRequest{
		Id: i.ID, Urn: i.urn(i.Kind), Olds: i.marshal(i.State), OldInputs: i.marshal(i.Inputs), News: i.marshal(checked),
	})
	if err != nil {
		return err
	}
	i.Inputs, i.State = checked, i.unmarshal(answer.GetProperties())
	return nil
}

// Refresh reads the resource again. False: it is gone.
func (i *Instance) Refresh() bool {
	i.t.Helper()
	answer, err := i.rpc.Read(i.t.Context(), &pulumirpc.ReadRequest{
		Id: i.ID, Urn: i.urn(i.Kind), Properties: i.marshal(i.State), Inputs: i.marshal(i.Inputs),
	})
	if err != nil {
		i.t.Fatalf("read %s: %v", i.Kind, err)
	}
	if answer.GetId() == "" {
		return false
	}
	i.Inputs, i.State = i.unmarshal(answer.GetInputs()), i.unmarshal(answer.GetProperties())
	return true
}

// Import reads a resource that exists, by its import id alone. Nil: there is none.
func (s *Server) Import(kind, id string) (*Instance, error) {
	s.t.Helper()
	answer, err := s.rpc.Read(s.t.Context(), &pulumirpc.ReadRequest{Id: id, Urn: s.urn(kind)})
	if err != nil || answer.GetId() == "" {
		return nil, err
	}
	return &Instance{
		Server: s, Kind: kind, ID: answer.GetId(),
		Inputs: s.unmarshal(answer.GetInputs()), State: s.unmarshal(answer.GetProperties()),
	}, nil
}

// Delete deletes the resource.
func (i *Instance) Delete() error {
	// What is cleaned up when a test ends is so after the test's own context.
	_, err := i.rpc.Delete(context.WithoutCancel(i.t.Context()), &pulumirpc.DeleteRequest{
		Id: i.ID, Urn: i.urn(i.Kind), Properties: i.marshal(i.State), OldInputs: i.marshal(i.Inputs),
	})
	return err
}

// With returns the properties with others changed; nil removes one.
func (p Props) With(changes Props) Props {
	result := maps.Clone(p)
	for name, value := range changes {
		if value == nil {
			delete(result, name)
		} else {
			result[name] = value
		}
	}
	return result
}

// Text is a property as text, secret or not; empty when it is not there.
func (p Props) Text(name string) string {
	value, ok := p[name].(resource.PropertyValue)
	if !ok {
		return ""
	}
	if value.IsSecret() {
		value = value.SecretValue().Element
	}
	if value.IsNull() {
		return ""
	}
	return fmt.Sprint(value.Mappable())
}

// IsSecret reports whether a property would be encrypted in the state.
func (p Props) IsSecret(name string) bool {
	value, ok := p[name].(resource.PropertyValue)
	return ok && value.IsSecret()
}

func (s *Server) checked(kind string, inputs Props) Props {
	s.t.Helper()
	checked, failures := s.Check(kind, inputs)
	if len(failures) > 0 {
		s.t.Fatalf("check %s: %s", kind, strings.Join(failures, "; "))
	}
	return checked
}

func (s *Server) urn(kind string) string {
	return "urn:pulumi:test::test::" + s.pkg + ":" + kind + "::test"
}

var marshalling = plugin.MarshalOptions{KeepUnknowns: true, KeepSecrets: true}

func (s *Server) marshal(props Props) *structpb.Struct {
	s.t.Helper()
	properties := resource.PropertyMap{}
	for name, value := range props {
		properties[resource.PropertyKey(name)] = resource.NewPropertyValue(value)
	}
	message, err := plugin.MarshalProperties(properties, marshalling)
	if err != nil {
		s.t.Fatal(err)
	}
	return message
}

func (s *Server) unmarshal(message *structpb.Struct) Props {
	s.t.Helper()
	properties, err := plugin.UnmarshalProperties(message, marshalling)
	if err != nil {
		s.t.Fatal(err)
	}
	props := Props{}
	for name, value := range properties {
		props[string(name)] = value
	}
	return props
}

func reasons(failures []*pulumirpc.CheckFailure) []string {
	texts := []string{}
	for _, failure := range failures {
		texts = append(texts, failure.GetProperty()+": "+failure.GetReason())
	}
	slices.Sort(texts)
	return texts
}
