// Package postgresql is the part of the official `postgresql` plugin that this project uses: roles, databases, grants
// and default privileges. It needs PostgreSQL 13 or newer.
package postgresql

import (
	"context"

	"github.com/pulumi/pulumi-go-provider/infer"

	"tenant-storage/toolchain/plugins/plugin"
)

// Serve is the plugin `pulumi-resource-postgresql`.
func Serve(ctx context.Context) error {
	return New().Serve(ctx)
}

// New is the plugin, not yet configured.
func New() plugin.Plugin {
	server := &server{}
	return plugin.Plugin{
		Name: "postgresql",
		Config: map[string]plugin.ConfigProperty{
			"host":           {Env: []string{"PGHOST"}},
			"port":           {Env: []string{"PGPORT"}},
			"database":       {Env: []string{"PGDATABASE"}},
			"username":       {Env: []string{"PGUSER"}},
			"password":       {Env: []string{"PGPASSWORD"}, Secret: true},
			"sslmode":        {Env: []string{"PGSSLMODE"}},
			"sslMode":        {}, // former name of sslmode
			"sslrootcert":    {Env: []string{"PGSSLROOTCERT"}},
			"connectTimeout": {Env: []string{"PGCONNECT_TIMEOUT"}},
			"maxConnections": {},
			"superuser":      {Env: []string{"PGSUPERUSER"}},
			"scheme":         {},
		},
		Configure: server.configure,
		Resources: []infer.InferredResource{
			infer.Resource(&role{server}),
			infer.Resource(&database{server}),
			infer.Resource(&grant{server}),
			infer.Resource(&defaultPrivileges{server}),
		},
		WriteOnly: map[string][]string{"Role": {"passwordWo"}},
	}
}
