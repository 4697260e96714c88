// One binary, five Pulumi plugins: it acts by the name it is started under. Only for machines that reach package
// registries but cannot download Pulumi's own plugins; ../README.md says what each one covers.
package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"tenant-storage/toolchain/plugins/command"
	"tenant-storage/toolchain/plugins/language"
	"tenant-storage/toolchain/plugins/minio"
	"tenant-storage/toolchain/plugins/postgresql"
	"tenant-storage/toolchain/plugins/random"
)

// Plugins by the name of the file the engine starts.
var plugins = map[string]func(context.Context) error{
	"pulumi-language-nodejs":     language.Serve,
	"pulumi-resource-minio":      minio.Serve,
	"pulumi-resource-postgresql": postgresql.Serve,
	"pulumi-resource-command":    command.Serve,
	"pulumi-resource-random":     random.Serve,
}

func main() {
	name := filepath.Base(os.Args[0])
	serve, ok := plugins[name]
	if !ok {
		names := make([]string, 0, len(plugins))
		for known := range plugins {
			names = append(names, known)
		}
		slices.Sort(names)
		fmt.Fprintf(os.Stderr, "%s: start this program under one of the names %s; `node toolchain/install.ts` installs it so\n",
			name, strings.Join(names, ", "))
		os.Exit(2)
	}
	if err := serve(context.Background()); err != nil {
		fmt.Fprintf(os.Stderr, "%s: %v\n", name, err)
		os.Exit(1)
	}
}
