// For NODE_OPTIONS (node-options.ts): loads sdk.ts. Plain JavaScript, because every Node.js that is run in the same shell reads it; one
// that takes no TypeScript, or has no such hooks, is left alone.
import module from "node:module";
import process from "node:process";

if (module.registerHooks !== undefined && process.features.typescript) await import("./sdk.ts");
