package language

import (
	"errors"
	"fmt"
	"os/exec"
	"slices"
	"sync"

	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
	"google.golang.org/grpc"
)

// RunPlugin starts a policy pack and passes on what it prints (its port is the first line) until the engine no longer
// needs it. No other plugin of this project is written in a language.
func (h *host) RunPlugin(
	req *pulumirpc.RunPluginRequest, stream grpc.ServerStreamingServer[pulumirpc.RunPluginResponse],
) error {
	if req.GetKind() != "analyzer" {
		return fmt.Errorf("this source-built language host runs policy packs, not plugins of the kind %q", req.GetKind())
	}
	pack := req.GetInfo().GetProgramDirectory()
	options, err := parseOptions(req.GetInfo().GetOptions().AsMap())
	if err != nil {
		return err
	}
	runner, err := findInstalled(pack, "@pulumi/pulumi", "cmd", "run-policy-pack", "index.js")
	if err != nil {
		return err
	}
	node, err := findNode()
	if err != nil {
		return err
	}

	// The engine's arguments end with its address; the runner wants the pack after it.
	program := exec.CommandContext(stream.Context(), node,
		slices.Concat(options.nodeArgs, []string{runner}, req.GetArgs(), []string{pack})...)
	program.Dir = pack
	program.Env = req.GetEnv()
	var mu sync.Mutex // two outputs share the stream, which takes one sender at a time
	program.Stdout = sender(func(chunk []byte) error {
		mu.Lock()
		defer mu.Unlock()
		return stream.Send(&pulumirpc.RunPluginResponse{Output: &pulumirpc.RunPluginResponse_Stdout{Stdout: chunk}})
	})
	program.Stderr = sender(func(chunk []byte) error {
		mu.Lock()
		defer mu.Unlock()
		return stream.Send(&pulumirpc.RunPluginResponse{Output: &pulumirpc.RunPluginResponse_Stderr{Stderr: chunk}})
	})
	err = program.Run()
	var exit *exec.ExitError
	switch {
	case stream.Context().Err() != nil: // we ended it
		return nil
	case err != nil && !errors.As(err, &exit):
		return fmt.Errorf("run the policy pack: %w", err)
	default:
		code := int32(program.ProcessState.ExitCode())
		return stream.Send(&pulumirpc.RunPluginResponse{Output: &pulumirpc.RunPluginResponse_Exitcode{Exitcode: code}})
	}
}
