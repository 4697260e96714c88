package language

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"

	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
)

// The exit code by which `cmd/run` says that it has already told the user what went wrong.
const alreadyExplained = 32

// Run starts the program and waits for it. An unsuccessful program is an answer, not an error of the host.
func (h *host) Run(ctx context.Context, req *pulumirpc.RunRequest) (*pulumirpc.RunResponse, error) {
	options, err := parseOptions(req.GetInfo().GetOptions().AsMap())
	if err != nil {
		return nil, err
	}
	runner, err := findInstalled(req.GetInfo().GetProgramDirectory(), "@pulumi/pulumi", "cmd", "run", "index.js")
	if err != nil {
		return nil, err
	}
	node, err := findNode()
	if err != nil {
		return nil, err
	}
	env, err := programEnv(req, options)
	if err != nil {
		return nil, err
	}

	program := exec.CommandContext(ctx, node, append(append(options.nodeArgs, runner), h.runnerArgs(req)...)...)
	program.Dir = req.GetPwd()
	program.Env = env
	program.Stdout, program.Stderr = os.Stdout, os.Stderr // the engine shows a language host's output
	if err := program.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", node, err)
	}
	h.track(program.Process, true)
	defer h.track(program.Process, false)

	err = program.Wait()
	var exit *exec.ExitError
	switch {
	case err == nil:
		return &pulumirpc.RunResponse{}, nil
	case !errors.As(err, &exit):
		return nil, fmt.Errorf("run the program: %w", err)
	case exit.ExitCode() == alreadyExplained:
		return &pulumirpc.RunResponse{Bail: true}, nil
	default:
		return &pulumirpc.RunResponse{Error: fmt.Sprintf("the program ended with %s", exit)}, nil
	}
}

// runnerArgs are the flags of `@pulumi/pulumi/cmd/run`, the program, and the program's own arguments.
func (h *host) runnerArgs(req *pulumirpc.RunRequest) []string {
	args := []string{
		"--monitor=" + req.GetMonitorAddress(),
		"--engine=" + h.engine,
		"--organization=" + req.GetOrganization(),
		"--project=" + req.GetProject(),
		"--stack=" + req.GetStack(),
		"--root-directory=" + req.GetInfo().GetRootDirectory(),
		"--pwd=" + req.GetPwd(),
		"--parallel=" + strconv.Itoa(int(req.GetParallel())),
	}
	if req.GetDryRun() {
		args = append(args, "--dry-run")
	}
	if h.tracing != "" {
		args = append(args, "--tracing="+h.tracing)
	}
	program := req.GetInfo().GetEntryPoint()
	if program == "" {
		program = "."
	}
	return append(append(args, program), req.GetArgs()...)
}

// programEnv hands over the stack's configuration, secrets included: by environment, so that it shows in no process
// list.
func programEnv(req *pulumirpc.RunRequest, options options) ([]string, error) {
	config, err := json.Marshal(req.GetConfig())
	if err != nil {
		return nil, err
	}
	// Never null: without a secret the engine sends no list, and programs expect one.
	secretKeys, err := json.Marshal(append([]string{}, req.GetConfigSecretKeys()...))
	if err != nil {
		return nil, err
	}
	return append(os.Environ(),
		"PULUMI_CONFIG="+string(config),
		"PULUMI_CONFIG_SECRET_KEYS="+string(secretKeys),
		"PULUMI_NODEJS_TYPESCRIPT="+strconv.FormatBool(options.typescript),
	), nil
}

func (h *host) track(process *os.Process, running bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.programs == nil {
		h.programs = map[*os.Process]struct{}{}
	}
	if running {
		h.programs[process] = struct{}{}
	} else {
		delete(h.programs, process)
	}
}

// options are the `runtime.options` of Pulumi.yaml.
type options struct {
	typescript bool     // true: cmd/run compiles with ts-node; false: Node.js runs the file as it is
	nodeArgs   []string // for node itself, before the program
}

func parseOptions(given map[string]any) (options, error) {
	parsed := options{typescript: true}
	for name, value := range given {
		switch value := value.(type) {
		case bool:
			if name == "typescript" {
				parsed.typescript = value
				continue
			}
		case string:
			if name == "nodeargs" {
				parsed.nodeArgs = strings.Fields(value)
				continue
			}
		}
		return options{}, fmt.Errorf("runtime option %q = %v is not one of `typescript` (true, false) and `nodeargs` "+
			"(words), which this source-built language host knows: correct Pulumi.yaml", name, value)
	}
	return parsed, nil
}
