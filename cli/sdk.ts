// Makes Pulumi's SDK load in half the time: without what only serialises closures (npm's resolver of packages, the TypeScript compiler,
// and a debugger session, under which everything that is loaded after it is slower), and without the maps to its own sources, which are
// read at the first stack trace. Nothing here serialises closures: the state's code is a string (providers/dynamic.ts). To be loaded
// before the SDK: by `import`, and as an --import of Node.js (Pulumi.yaml, sdk-preload.mjs).
import { createRequire, registerHooks } from "node:module";
import { pathToFileURL } from "node:url";

/** What the SDK asks for, by how it does, and what it gets. */
const instead = new Map([
  ["@npmcli/arborist", ""],
  ["normalize-package-data", ""],
  ["../../typescript-shim", ""],
  ["./v8Hooks", ""],
  ["../../runtime/closure/v8Hooks", "exports.isInitializedAsync = async () => {};"],
  ["source-map-support/register", ""],
]);

// It always compiles a policy pack; ours is JavaScript, and what that imports, Node.js takes as it is (policy/index.js).
if (process.argv[1]?.includes("/cmd/run-policy-pack")) {
  instead.set("typescript", "");
  instead.set("ts-node", "exports.register = () => undefined;");
}

// This checkout's SDK alone: another program in the same shell may serialise closures.
const sdk = new URL(".", pathToFileURL(createRequire(import.meta.url).resolve("@pulumi/pulumi/package.json"))).href;
const askers = ["runtime/closure/", "cmd/", "tsutils.js"].map((path) => sdk + path);
const scheme = "instead:";

registerHooks({
  resolve: (specifier, context, next) =>
    instead.has(specifier) && askers.some((asker) => context.parentURL?.startsWith(asker))
      ? { url: scheme + specifier, format: "commonjs", shortCircuit: true }
      : next(specifier, context),
  load: (url, context, next) =>
    url.startsWith(scheme)
      ? { format: "commonjs", source: instead.get(url.slice(scheme.length)) ?? "", shortCircuit: true }
      : next(url, context),
});
