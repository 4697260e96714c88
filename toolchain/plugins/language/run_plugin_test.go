package language

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/structpb"
)

// answers collects what the host sends; it calls off the pack as soon as that has said something when told to.
type answers struct {
	grpc.ServerStream
	ctx            context.Context
	stop           func()
	stdout, stderr string
	exit           *int32
}

func (a *answers) Context() context.Context { return a.ctx }

func (a *answers) Send(answer *pulumirpc.RunPluginResponse) error {
	a.stdout += string(answer.GetStdout())
	a.stderr += string(answer.GetStderr())
	if code, ok := answer.GetOutput().(*pulumirpc.RunPluginResponse_Exitcode); ok {
		a.exit = &code.Exitcode
	}
	if a.stop != nil {
		a.stop()
	}
	return nil
}

// policyPack is a folder in a project whose `cmd/run-policy-pack` acts as the given script says.
func policyPack(t *testing.T, script string) *pulumirpc.ProgramInfo {
	t.Helper()
	root := t.TempDir()
	pack := filepath.Join(root, "policy")
	runner := filepath.Join(root, "node_modules", "@pulumi", "pulumi", "cmd", "run-policy-pack")
	for _, dir := range []string{pack, runner} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(runner, "index.js"), []byte(script), 0o600); err != nil {
		t.Fatal(err)
	}
	return &pulumirpc.ProgramInfo{RootDirectory: pack, ProgramDirectory: pack, EntryPoint: "."}
}

func TestRunPluginRunsAPolicyPack(t *testing.T) {
	info := policyPack(t, `
		console.log(JSON.stringify([process.argv.slice(2), process.cwd(), process.env.GIVEN, process.execArgv]));
		console.error("a problem");
		process.exitCode = 3;`)
	options, err := structpb.NewStruct(map[string]any{"nodeargs": "--no-warnings"})
	if err != nil {
		t.Fatal(err)
	}
	info.Options = options
	got := &answers{ctx: t.Context()}
	err = (&host{}).RunPlugin(&pulumirpc.RunPluginRequest{
		Kind: "analyzer", Info: info, Pwd: "/", Args: []string{"-v=3", "engine:1"}, Env: append(os.Environ(), "GIVEN=yes"),
	}, got)
	if err != nil {
		t.Fatal(err)
	}
	pack := info.GetProgramDirectory()
	want := `[["-v=3","engine:1","` + pack + `"],"` + pack + `","yes",["--no-warnings"]]` + "\n"
	if got.stdout != want || !strings.Contains(got.stderr, "a problem") {
		t.Errorf("said %q and %q, want %q", got.stdout, got.stderr, want)
	}
	if got.exit == nil || *got.exit != 3 {
		t.Errorf("exit code is %v, want 3", got.exit)
	}
}

func TestRunPluginEndsThePackWithTheEngine(t *testing.T) {
	info := policyPack(t, `console.log(process.pid); setInterval(() => {}, 1000);`)
	ctx, stop := context.WithCancel(t.Context())
	got := &answers{ctx: ctx, stop: stop}
	request := &pulumirpc.RunPluginRequest{Kind: "analyzer", Info: info, Args: []string{"engine:1"}, Env: os.Environ()}
	if err := (&host{}).RunPlugin(request, got); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join("/proc", strings.TrimSpace(got.stdout))); err == nil {
		t.Errorf("the policy pack %s still runs", strings.TrimSpace(got.stdout))
	}
}

func TestRunPluginRefusesWhatItDoesNotRun(t *testing.T) {
	err := (&host{}).RunPlugin(&pulumirpc.RunPluginRequest{Kind: "resource"}, &answers{ctx: t.Context()})
	if err == nil || !strings.Contains(err.Error(), `policy packs, not plugins of the kind "resource"`) {
		t.Errorf("error is %v", err)
	}
	bare := t.TempDir()
	err = (&host{}).RunPlugin(&pulumirpc.RunPluginRequest{
		Kind: "analyzer", Info: &pulumirpc.ProgramInfo{ProgramDirectory: bare},
	}, &answers{ctx: t.Context()})
	if err == nil || !slices.Contains(strings.Fields(err.Error()), "@pulumi/pulumi") || !strings.Contains(err.Error(), "npm ci") {
		t.Errorf("error is %v", err)
	}
}
