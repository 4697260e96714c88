// npm run build: the package for other people's programs, in dist/. Publish it with npm publish ./dist, or npm pack ./dist.
import { spawnSync } from "node:child_process";
import { cpSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import ts from "typescript";
import { root } from "../toolchain/paths.ts";

const dist = join(root, "dist");

interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly description: string;
  readonly license: string;
  readonly dependencies: Readonly<Record<string, string>>;
}

/** The packages that the compiled files import, by name. */
function imported(): string[] {
  const files = readdirSync(dist, { recursive: true, encoding: "utf8" }).filter((file) => /\.(js|d\.ts)$/.test(file));
  const specifiers = files.flatMap((file) =>
    ts.preProcessFile(readFileSync(join(dist, file), "utf8")).importedFiles.map(({ fileName }) => fileName),
  );
  const packages = specifiers.filter((one) => !/^(\.|node:)/.test(one));
  return [...new Set(packages.map((one) => one.split("/", one.startsWith("@") ? 2 : 1).join("/")))].sort();
}

/** What npm and Node need to know of the package: of ours only what it is made of. */
function manifest({ name, version, description, license, dependencies }: Manifest): object {
  const missing = imported().filter((one) => dependencies[one] === undefined);
  if (missing.length > 0)
    throw new Error(`the package imports what is no dependency in package.json: ${missing.join(", ")}`);
  const sdk = "@pulumi/pulumi";
  const own = imported().filter((one) => one !== sdk);
  const entry = (file: string) => ({ types: `./${file}.d.ts`, default: `./${file}.js` });
  return {
    ...{ name, version, description, license },
    type: "module",
    sideEffects: false,
    engines: { node: ">=22.18" },
    exports: {
      ".": entry("library/index"),
      "./guards": entry("components/qdrant-guards"),
      "./cli": entry("library/cli"),
      // The state of tenants refers to these.
      "./providers/*": { default: "./providers/*.js" },
      "./package.json": "./package.json",
    },
    bin: { tenant: "./library/bin.js" },
    dependencies: Object.fromEntries(own.map((one) => [one, dependencies[one]])),
    // One copy for the program and for us: two would not know each other's resources.
    peerDependencies: { [sdk]: `^${dependencies[sdk]}` },
  };
}

rmSync(dist, { recursive: true, force: true });
const compiler = join(root, "node_modules/typescript/bin/tsc");
const { status } = spawnSync(process.execPath, [compiler, "-p", join(root, "library")], { stdio: "inherit" });
if (status !== 0) process.exit(1);
const own = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as Manifest;
writeFileSync(join(dist, "package.json"), `${JSON.stringify(manifest(own), null, 2)}\n`);
cpSync(join(root, "docs/library.md"), join(dist, "README.md"));
for (const file of ["LICENSE", "CHANGELOG.md"]) cpSync(join(root, file), join(dist, file));
process.stdout.write(`${own.name} ${own.version} is in dist/: npm pack ./dist\n`);
