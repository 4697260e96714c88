// Package versions pins the official plugins that the ones in this module stand in for. They must be the versions of
// the npm packages (`@pulumi/minio`, …): toolchain/install.ts checks that before it builds.
package versions

import (
	_ "embed"
	"encoding/json"
)

//go:embed versions.json
var file []byte

// Of returns the pinned version of a plugin. Panics for a name that is not in the file: that is a bug, not an input.
func Of(plugin string) string {
	pinned := map[string]string{}
	if err := json.Unmarshal(file, &pinned); err != nil {
		panic("versions.json: " + err.Error())
	}
	version, ok := pinned[plugin]
	if !ok {
		panic("versions.json has no " + plugin)
	}
	return version
}
