// Makes Pulumi's SDK load without what only serialises closures: npm's resolver of packages, the TypeScript compiler, and a debugger
// session, under which everything that is loaded after it is slower. And without the maps to the SDK's own sources, which are read at
// the first stack trace. That is half of the time it takes to load. Nothing here serialises closures: the state's code is a string
// (providers/dynamic.ts). To be loaded before the SDK: by `import`, and as a --import of Node.js (Pulumi.yaml, local/environment.ts).
import { createRequire, registerHooks } from "node:module";
import { pathToFileURL } from "node:url";

/** What nothing here has a use for, and what is there in its place. */
const instead: Readonly<Record<string, string>> = {
  "@npmcli/arborist": "",
  "normalize-package-data": "",
  "source-map-support/register": "",
  typescript: "",
  "../../runtime/closure/v8Hooks": "exports.isInitializedAsync = async () => {};",
  "./v8Hooks": "",
};

// Of this checkout's SDK alone: another program in the same shell may serialise closures.
const sdk = new URL(".", pathToFileURL(createRequire(import.meta.url).resolve("@pulumi/pulumi/package.json"))).href;
const nothing = "nothing:";

registerHooks({
  resolve: (specifier, context, next) =>
    specifier in instead && context.parentURL?.startsWith(sdk)
      ? { url: nothing + specifier, format: "commonjs", shortCircuit: true }
      : next(specifier, context),
  load: (url, context, next) =>
    url.startsWith(nothing)
      ? { format: "commonjs", source: instead[url.slice(nothing.length)] ?? "", shortCircuit: true }
      : next(url, context),
});
