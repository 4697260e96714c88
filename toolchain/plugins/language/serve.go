// Package language is the host that runs a Node.js program for the Pulumi engine: the engine starts it, it starts
// `node …/@pulumi/pulumi/cmd/run`, and the program then talks to the engine directly.
package language

import (
	"context"
	"flag"
	"fmt"
	"time"

	"github.com/pulumi/pulumi/sdk/v3/go/common/util/rpcutil"
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
	"google.golang.org/grpc"
)

// Serve answers the engine until the engine goes away. The engine's address is the last argument; the flags are those
// the engine may pass to any plugin; the SDK defines the others.
func Serve(ctx context.Context) error {
	tracing := flag.String("tracing", "", "where the program sends traces")
	flag.Parse()
	if flag.NArg() == 0 {
		return fmt.Errorf("no engine address: this program is started by `pulumi`, not by hand")
	}
	engine := flag.Arg(flag.NArg() - 1)

	ctx, stop := context.WithCancel(ctx)
	defer stop()
	// A host must not outlive a killed engine: the program it runs would go on creating resources nobody records.
	if err := rpcutil.Healthcheck(ctx, engine, 5*time.Second, stop); err != nil {
		return fmt.Errorf("watch the engine at %s: %w", engine, err)
	}

	finish := make(chan bool)
	handle, err := rpcutil.ServeWithOptions(rpcutil.ServeOptions{
		Cancel: finish,
		Init: func(server *grpc.Server) error {
			pulumirpc.RegisterLanguageRuntimeServer(server, &host{engine: engine, tracing: *tracing})
			return nil
		},
	})
	if err != nil {
		return err
	}
	fmt.Println(handle.Port) // the engine reads the port from the first line
	go func() {
		<-ctx.Done()
		close(finish)
	}()
	return <-handle.Done
}
