package language

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"

	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
)

// packageJSON is the part of an npm manifest that matters here.
type packageJSON struct {
	Name            string            `json:"name"`
	Version         string            `json:"version"`
	Dependencies    map[string]string `json:"dependencies"`
	DevDependencies map[string]string `json:"devDependencies"`
	Pulumi          struct {
		Resource bool   `json:"resource"`
		Name     string `json:"name"`
		Version  string `json:"version"`
		Server   string `json:"server"`
	} `json:"pulumi"`
}

// GetRequiredPackages names the resource plugins of the program's dependencies, so that the engine looks for exactly
// the installed versions and for nothing else.
func (h *host) GetRequiredPackages(
	_ context.Context, req *pulumirpc.GetRequiredPackagesRequest,
) (*pulumirpc.GetRequiredPackagesResponse, error) {
	installed, err := installedDependencies(req.GetInfo().GetProgramDirectory())
	if err != nil {
		return nil, err
	}
	packages := []*pulumirpc.PackageDependency{}
	for _, dependency := range installed {
		if !dependency.Pulumi.Resource {
			continue
		}
		packages = append(packages, &pulumirpc.PackageDependency{
			Kind:    "resource",
			Name:    dependency.Pulumi.Name,
			Version: "v" + cmp.Or(dependency.Pulumi.Version, dependency.Version),
			Server:  dependency.Pulumi.Server,
		})
	}
	return &pulumirpc.GetRequiredPackagesResponse{Packages: packages}, nil
}

// GetRequiredPlugins is the same answer in the form older engines ask for.
func (h *host) GetRequiredPlugins(
	ctx context.Context, req *pulumirpc.GetRequiredPluginsRequest,
) (*pulumirpc.GetRequiredPluginsResponse, error) {
	response, err := h.GetRequiredPackages(ctx, &pulumirpc.GetRequiredPackagesRequest{Info: req.GetInfo()})
	if err != nil {
		return nil, err
	}
	plugins := []*pulumirpc.PluginDependency{}
	for _, p := range response.GetPackages() {
		plugins = append(plugins, &pulumirpc.PluginDependency{
			Kind: p.GetKind(), Name: p.GetName(), Version: p.GetVersion(), Server: p.GetServer(),
		})
	}
	return &pulumirpc.GetRequiredPluginsResponse{Plugins: plugins}, nil
}

// GetProgramDependencies lists the direct npm dependencies, for `pulumi about`.
func (h *host) GetProgramDependencies(
	_ context.Context, req *pulumirpc.GetProgramDependenciesRequest,
) (*pulumirpc.GetProgramDependenciesResponse, error) {
	installed, err := installedDependencies(req.GetInfo().GetProgramDirectory())
	if err != nil {
		return nil, err
	}
	dependencies := []*pulumirpc.DependencyInfo{}
	for _, dependency := range installed {
		dependencies = append(dependencies, &pulumirpc.DependencyInfo{Name: dependency.Name, Version: dependency.Version})
	}
	return &pulumirpc.GetProgramDependenciesResponse{Dependencies: dependencies}, nil
}

// installedDependencies reads the manifests of the program's direct dependencies, in the order of their names.
func installedDependencies(programDir string) ([]packageJSON, error) {
	manifest, err := findUp(programDir, "package.json")
	if err != nil {
		return nil, err
	}
	program, err := readPackageJSON(manifest)
	if err != nil {
		return nil, err
	}
	names := slices.Sorted(maps.Keys(program.Dependencies))
	installed := make([]packageJSON, 0, len(names))
	for _, name := range names {
		path, err := findInstalled(programDir, name, "package.json")
		if err != nil {
			return nil, err
		}
		dependency, err := readPackageJSON(path)
		if err != nil {
			return nil, err
		}
		installed = append(installed, dependency)
	}
	return installed, nil
}

func readPackageJSON(path string) (packageJSON, error) {
	var parsed packageJSON
	content, err := os.ReadFile(path)
	if err != nil {
		return parsed, err
	}
	if err := json.Unmarshal(content, &parsed); err != nil {
		return parsed, fmt.Errorf("%s: %w", path, err)
	}
	return parsed, nil
}

// findInstalled finds a file of an npm package the way Node.js does: in the nearest node_modules that has the package.
func findInstalled(from, pkg string, file ...string) (string, error) {
	path, err := findUp(from, filepath.Join(append([]string{"node_modules", filepath.FromSlash(pkg)}, file...)...))
	if errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("npm package %s is not installed for %s: run `npm ci`", pkg, from)
	}
	return path, err
}

// findUp looks for a relative path in a folder and in those above it.
func findUp(from, relative string) (string, error) {
	for dir := from; ; dir = filepath.Dir(dir) {
		path := filepath.Join(dir, relative)
		if _, err := os.Stat(path); err == nil {
			return path, nil
		}
		if dir == filepath.Dir(dir) {
			return "", fmt.Errorf("no %s in %s or above: %w", relative, from, fs.ErrNotExist)
		}
	}
}
