package language

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
	"google.golang.org/protobuf/types/known/structpb"
)

// checkout is a project whose program is stacks/index.ts. Its `cmd/run` writes down how it was called, then ends as the
// program's first argument says.
func checkout(t *testing.T) *pulumirpc.ProgramInfo {
	t.Helper()
	root := t.TempDir()
	files := map[string]string{
		"package.json": `{"dependencies": {"@pulumi/pulumi": "*", "@pulumi/minio": "*", "yaml": "*"}}`,
		"node_modules/@pulumi/pulumi/package.json": `{"name": "@pulumi/pulumi", "version": "3.259.0"}`,
		"node_modules/@pulumi/minio/package.json":  `{"name": "@pulumi/minio", "version": "0.17.1", "pulumi": {"resource": true, "name": "minio", "version": "0.17.1"}}`,
		"node_modules/yaml/package.json":           `{"name": "yaml", "version": "2.9.1"}`,
		"node_modules/@pulumi/pulumi/cmd/run/index.js": `
			const fs = require("fs");
			fs.writeFileSync(process.env.CALLED, JSON.stringify({args: process.argv.slice(2), node: process.execArgv, env: process.env}));
			const how = process.argv.at(-1);
			if (how === "wait") setInterval(() => {}, 1000); else process.exit(Number(how));`,
		"stacks/index.ts": "",
	}
	for name, content := range files {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	options, err := structpb.NewStruct(map[string]any{"typescript": false, "nodeargs": "--no-warnings"})
	if err != nil {
		t.Fatal(err)
	}
	return &pulumirpc.ProgramInfo{
		RootDirectory: root, ProgramDirectory: filepath.Join(root, "stacks"), EntryPoint: "index.ts", Options: options,
	}
}

func TestRequiredPackagesAreTheInstalledOnes(t *testing.T) {
	info := checkout(t)
	answer, err := (&host{}).GetRequiredPackages(t.Context(), &pulumirpc.GetRequiredPackagesRequest{Info: info})
	if err != nil {
		t.Fatal(err)
	}
	packages := answer.GetPackages()
	if len(packages) != 1 || packages[0].GetName() != "minio" || packages[0].GetVersion() != "v0.17.1" || packages[0].GetKind() != "resource" {
		t.Errorf("packages are %v", packages)
	}
	dependencies, err := (&host{}).GetProgramDependencies(t.Context(), &pulumirpc.GetProgramDependenciesRequest{Info: info})
	if err != nil || len(dependencies.GetDependencies()) != 3 {
		t.Errorf("dependencies are %v, %v", dependencies, err)
	}
	if err := os.RemoveAll(filepath.Join(info.GetRootDirectory(), "node_modules", "yaml")); err != nil {
		t.Fatal(err)
	}
	_, err = (&host{}).GetRequiredPackages(t.Context(), &pulumirpc.GetRequiredPackagesRequest{Info: info})
	if err == nil || !strings.Contains(err.Error(), "npm package yaml is not installed") || !strings.Contains(err.Error(), "npm ci") {
		t.Errorf("error is %v", err)
	}
}

func TestRun(t *testing.T) {
	for exit, want := range map[string]*pulumirpc.RunResponse{
		"0":  {},
		"32": {Bail: true},
		"3":  {Error: "the program ended with exit status 3"},
	} {
		t.Run(exit, func(t *testing.T) {
			called := filepath.Join(t.TempDir(), "called.json")
			t.Setenv("CALLED", called)
			info := checkout(t)
			answer, err := (&host{engine: "engine:1", tracing: "trace:1"}).Run(t.Context(), &pulumirpc.RunRequest{
				Info: info, Pwd: info.GetProgramDirectory(), MonitorAddress: "monitor:1", Organization: "org", Project: "shop",
				Stack: "acme", DryRun: true, Parallel: 4, Args: []string{exit},
				Config: map[string]string{"shop:secret": "s"}, ConfigSecretKeys: []string{"shop:secret"},
			})
			if err != nil {
				t.Fatal(err)
			}
			if answer.GetBail() != want.GetBail() || answer.GetError() != want.GetError() {
				t.Errorf("answer is %v, want %v", answer, want)
			}
			var call struct {
				Args, Node []string
				Env        map[string]string
			}
			content, err := os.ReadFile(called)
			if err != nil {
				t.Fatal(err)
			}
			if err := json.Unmarshal(content, &call); err != nil {
				t.Fatal(err)
			}
			wanted := []string{
				"--monitor=monitor:1", "--engine=engine:1", "--organization=org", "--project=shop", "--stack=acme",
				"--root-directory=" + info.GetRootDirectory(), "--pwd=" + info.GetProgramDirectory(), "--parallel=4", "--dry-run",
				"--tracing=trace:1", "index.ts", exit,
			}
			if !slices.Equal(call.Args, wanted) || !slices.Contains(call.Node, "--no-warnings") {
				t.Errorf("called with %q %q, want %q", call.Node, call.Args, wanted)
			}
			for name, value := range map[string]string{
				"PULUMI_CONFIG": `{"shop:secret":"s"}`, "PULUMI_CONFIG_SECRET_KEYS": `["shop:secret"]`, "PULUMI_NODEJS_TYPESCRIPT": "false",
			} {
				if call.Env[name] != value {
					t.Errorf("%s is %q, want %q", name, call.Env[name], value)
				}
			}
		})
	}
}

func TestCancelEndsTheProgram(t *testing.T) {
	called := filepath.Join(t.TempDir(), "called.json")
	t.Setenv("CALLED", called)
	info := checkout(t)
	h := &host{}
	done := make(chan *pulumirpc.RunResponse)
	go func() {
		answer, _ := h.Run(context.Background(), &pulumirpc.RunRequest{
			Info: info, Pwd: info.GetProgramDirectory(), Args: []string{"wait"},
		})
		done <- answer
	}()
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		if _, err := os.Stat(called); err == nil {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("the program did not start")
		}
	}
	if _, err := h.Cancel(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	select {
	case answer := <-done:
		if answer.GetError() == "" {
			t.Error("an interrupted program did not succeed")
		}
	case <-time.After(30 * time.Second):
		t.Fatal("the program did not end")
	}
}

func TestUnknownOptionsAreRefused(t *testing.T) {
	for name, value := range map[string]any{"packagemanager": "pnpm", "typescript": "no", "nodeargs": true} {
		if _, err := parseOptions(map[string]any{name: value}); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("error for %s is %v", name, err)
		}
	}
	if parsed, err := parseOptions(nil); err != nil || !parsed.typescript {
		t.Errorf("defaults are %v, %v", parsed, err)
	}
}
