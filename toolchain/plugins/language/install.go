package language

import (
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"sync"

	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
	"google.golang.org/grpc"
)

// InstallDependencies runs npm for `pulumi install`: exactly the lock file where there is one.
func (h *host) InstallDependencies(
	req *pulumirpc.InstallDependenciesRequest,
	stream grpc.ServerStreamingServer[pulumirpc.InstallDependenciesResponse],
) error {
	manifest, err := findUp(req.GetInfo().GetProgramDirectory(), "package.json")
	if err != nil {
		return err
	}
	args := []string{"install"}
	if _, err := os.Stat(filepath.Join(filepath.Dir(manifest), "package-lock.json")); err == nil {
		args = []string{"ci", "--ignore-scripts"}
	}
	npm := exec.CommandContext(stream.Context(), "npm", args...)
	npm.Dir = filepath.Dir(manifest)

	var mu sync.Mutex // npm's two outputs share the stream, which takes one sender at a time
	npm.Stdout = sender(func(chunk []byte) error {
		mu.Lock()
		defer mu.Unlock()
		return stream.Send(&pulumirpc.InstallDependenciesResponse{Stdout: chunk})
	})
	npm.Stderr = sender(func(chunk []byte) error {
		mu.Lock()
		defer mu.Unlock()
		return stream.Send(&pulumirpc.InstallDependenciesResponse{Stderr: chunk})
	})
	return npm.Run()
}

type sender func(chunk []byte) error

var _ io.Writer = sender(nil)

func (send sender) Write(chunk []byte) (int, error) {
	return len(chunk), send(chunk)
}
