// The base class of our dynamic resources.
import * as pulumi from "@pulumi/pulumi";
import { packaged } from "./clients/place.ts";

/**
 * What the state keeps as the provider's code: a few stable lines that load the implementation from the checkout when they
 * are called. A fixed provider so reaches existing tenants, and an upgrade shows no diff: never change a letter of it.
 */
export function storedCode(file: string): string {
  return `exports.handler = () => {
  const { existsSync } = require("node:fs"), { dirname, join } = require("node:path"), { pathToFileURL } = require("node:url");
  let root = process.cwd();
  while (!existsSync(join(root, "Pulumi.yaml")) && root !== dirname(root)) root = dirname(root);
  const load = () => import(pathToFileURL(join(root, "providers", "${file}.ts")).href);
  const call = (name) => async (...args) => (await load()).provider[name](...args);
  return Object.fromEntries(["configure", "check", "diff", "create", "read", "update", "delete"].map((name) => [name, call(name)]));
};`;
}

/** The file whose stored code that is, without its ending; undefined: it is none of this checkout's. */
export function storedFile(code: unknown): string | undefined {
  const file = /"providers", "([a-z0-9-]+)\.ts"/.exec(String(code))?.[1];
  return file !== undefined && code === storedCode(file) ? file : undefined;
}

/** The same in the package, which is found as the program finds it: from the project, by its name. */
function storedCodeOfPackage(file: string): string {
  return `exports.handler = () => {
  const { createRequire } = require("node:module"), { join } = require("node:path"), { pathToFileURL } = require("node:url");
  const load = () => import(pathToFileURL(createRequire(join(process.cwd(), "program")).resolve("tenant-storage/providers/${file}")).href);
  const call = (name) => async (...args) => (await load()).provider[name](...args);
  return Object.fromEntries(["configure", "check", "diff", "create", "read", "update", "delete"].map((name) => [name, call(name)]));
};`;
}

/**
 * A resource whose provider is `providers/<file>.ts` (its export `provider`).
 * Equal to pulumi.dynamic.Resource, without serialising a closure: that would load the TypeScript compiler at every run.
 */
export abstract class DynamicResource extends pulumi.CustomResource {
  protected constructor(
    type: string,
    file: string,
    name: string,
    props: pulumi.Inputs,
    opts: pulumi.CustomResourceOptions | undefined,
  ) {
    const code = packaged ? storedCodeOfPackage(file) : storedCode(file);
    super(`pulumi-nodejs:dynamic/tenant:${type}`, name, { ...props, __provider: code }, opts);
  }
}
