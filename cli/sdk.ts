// Makes Pulumi's SDK load without what only serialises closures (npm's resolver of packages, the TypeScript compiler: half of the time
// it takes to load). Nothing here serialises any. To be imported before the SDK.
import { registerHooks } from "node:module";

const needless = ["@npmcli/arborist", "typescript"];
const nothing = "nothing:";

registerHooks({
  resolve: (specifier, context, next) =>
    needless.includes(specifier) && context.parentURL?.includes("/@pulumi/pulumi/")
      ? { url: nothing + specifier, format: "commonjs", shortCircuit: true }
      : next(specifier, context),
  load: (url, context, next) =>
    url.startsWith(nothing) ? { format: "commonjs", source: "", shortCircuit: true } : next(url, context),
});
