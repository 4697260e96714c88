// The steps that make the programs: each is done while its stamp and its outputs are there.
import {
  chmodSync,
  constants,
  copyFileSync,
  createReadStream,
  existsSync,
  linkSync,
  mkdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
} from "node:fs";
import { createHash } from "node:crypto";
import { dirname, join } from "node:path";
import { pipeline } from "node:stream/promises";
import { Problem } from "../errors/problem.ts";
import { execute } from "./exec.ts";
import { goBuild, goModuleDir, removeSources, type GoBuild } from "./go.ts";
import { findOfficial } from "./official.ts";
import { binDir, pulumiHome, root } from "./paths.ts";
import { goFiles, hashOf, readStamp, writeStamp } from "./stamps.ts";
import type { Step } from "./steps.ts";

/** Stamp of the engine when it is Pulumi's own release: then the engine downloads the official plugins itself. */
const release = "release";

/** The Node.js that this runs on, for the programs that look for `node` on PATH. */
export const node: Step = {
  title: "Link Node.js",
  done: () => existsSync(join(binDir, "node")),
  run: async () => {
    replaceLink(process.execPath, "node");
  },
};

/** The engine: Pulumi's own release, or else one built from Go modules. */
export const engine: Step = {
  title: "Get the Pulumi engine",
  usually: "3 min where it must be built",
  done: () => existsSync(join(binDir, "pulumi")) && [release, engineHash()].includes(readStamp("engine")),
  run: async (say) => {
    const official = await findOfficial(say);
    if (official !== undefined) {
      removePlugins(); // ours would be found first
      replaceLink(official, "pulumi");
      writeStamp("engine", release);
      return;
    }
    const version = engineVersion();
    await goBuild(
      {
        module: "toolchain/engine",
        programs: { "github.com/pulumi/pulumi/pkg/v3/cmd/pulumi": "pulumi" },
        ldflags: `-X github.com/pulumi/pulumi/sdk/v3/go/common/version.Version=${version}`,
      },
      say,
    );
    writeStamp("engine", engineHash());
  },
};

/** Started by the engine for dynamic providers: a script that runs `@pulumi/pulumi/cmd/dynamic-provider`. */
const launcher = "pulumi-resource-pulumi-nodejs";

/** The language host and the resource plugins: one program of ours, under five names. */
export const plugins: Step = {
  title: "Build the Pulumi plugins",
  usually: "1 min",
  done: () =>
    readStamp("engine") === release ||
    (existsSync(join(binDir, "pulumi-language-nodejs")) &&
      existsSync(join(binDir, launcher)) &&
      Object.entries(pinned()).every(([name, version]) => existsSync(pluginPath(name, version))) &&
      readStamp("plugins") === pluginsHash()),
  run: async (say) => {
    const versions = pinned();
    for (const [name, version] of Object.entries(versions)) {
      if (packageVersion(name) === version) continue;
      throw new Problem(
        "setup-failed",
        `toolchain/plugins stands in for the ${name} plugin ${version}, but npm package @pulumi/${name} is ${packageVersion(name)}: change it and toolchain/plugins/versions/versions.json together`,
      );
    }
    await goBuild({ module: "toolchain/plugins", programs: { ".": "pulumi-language-nodejs" } }, say);
    const sdk = await goModuleDir("toolchain/plugins", "github.com/pulumi/pulumi/sdk/v3", say);
    place(join(sdk, "nodejs", "dist", launcher), launcher);
    const program = join(binDir, "pulumi-language-nodejs");
    for (const [name, version] of Object.entries(versions)) {
      say(`installing ${name} ${version}`);
      await execute(
        join(binDir, "pulumi"),
        ["plugin", "install", "resource", name, version, "--file", program, "--reinstall"],
        { env: { ...process.env, PULUMI_HOME: pulumiHome, PULUMI_SKIP_UPDATE_CHECK: "1" } },
      );
      // One file under all names: the kernel then keeps its pages once.
      const installed = pluginPath(name, version);
      linkSync(program, `${installed}.new`);
      renameSync(`${installed}.new`, installed);
    }
    writeStamp("plugins", pluginsHash());
  },
};

/** `sops` and `age-keygen`. */
export const sops: Step = goStep("sops", "Build sops and age-keygen", "1 min", {
  module: "toolchain/sops",
  programs: { "github.com/getsops/sops/v3/cmd/sops": "sops", "filippo.io/age/cmd/age-keygen": "age-keygen" },
});

/** The MinIO server. */
export const minio: Step = goStep("minio", "Build the MinIO server", "3 min", {
  module: "toolchain/minio",
  programs: { "github.com/minio/minio": "minio" },
});

/** MinIO's client: only the benchmarks' shell runbook uses it. */
export const mc: Step = goStep("mc", "Build the MinIO client", "1 min", {
  module: "toolchain/mc",
  programs: { "github.com/minio/mc": "mc" },
});

/** Checks .github/workflows; only a test uses it. */
export const actionlint: Step = goStep("actionlint", "Build actionlint", "20 s", {
  module: "toolchain/actionlint",
  programs: { "github.com/rhysd/actionlint/cmd/actionlint": "actionlint" },
});

const qdrantProgram = join(root, "node_modules", "@just-memory", "qdrant-linux-x64", "bin", "qdrant");
const qdrantSha256 = "8019db3c315d27fe663d639a6cdc6f60dff2ae903312daea492b159b553ad66f";

/** The Qdrant server, out of an npm package. Its checksum is of the program that was reviewed and tested here. */
export const qdrant: Step = {
  title: "Get the Qdrant server",
  done: () => existsSync(join(binDir, "qdrant")) && readStamp("qdrant") === qdrantSha256,
  run: async () => {
    if (!existsSync(qdrantProgram)) {
      throw new Problem(
        "setup-failed",
        `there is no Qdrant for ${process.platform} on ${process.arch} in the npm packages, or they are incomplete: install them with: npm ci --ignore-scripts, or use your own server: QDRANT_URL=ADDRESS`,
      );
    }
    const hash = createHash("sha256");
    await pipeline(createReadStream(qdrantProgram), hash);
    const found = hash.digest("hex");
    if (found !== qdrantSha256) {
      throw new Problem(
        "setup-failed",
        `${qdrantProgram} is not the program this project trusts (sha256 ${found}, not ${qdrantSha256}): remove node_modules and install it again with: npm ci --ignore-scripts`,
      );
    }
    place(qdrantProgram, "qdrant");
    writeStamp("qdrant", qdrantSha256);
  },
};

const built = ["engine", "plugins", "sops", "minio", "mc"];

/** Gives back 3 of 7 GB. A change in toolchain/plugins still builds in seconds, and its tests need no download. */
export const tidy: Step = {
  title: "Remove the sources of what is built",
  usually: "25 s",
  done: () => readStamp("tidy") === hashOf({ texts: built.map(readStamp), files: [] }),
  run: async () => {
    await removeSources(readStamp("engine") === release ? undefined : "toolchain/plugins");
    writeStamp("tidy", hashOf({ texts: built.map(readStamp), files: [] }));
  },
};

function goStep(name: string, title: string, usually: string, build: GoBuild): Step {
  const hash = (): string => hashOf({ files: goFiles(build.module) });
  return {
    title,
    usually,
    done: () =>
      Object.values(build.programs).every((program) => existsSync(join(binDir, program))) && readStamp(name) === hash(),
    run: async (say) => {
      await goBuild(build, say);
      writeStamp(name, hash());
    },
  };
}

function engineHash(): string {
  return hashOf({ files: goFiles("toolchain/engine") });
}

function engineVersion(): string {
  const pin = /^\s*github\.com\/pulumi\/pulumi\/pkg\/v3 v(\S+)/m.exec(
    readFileSync(join(root, "toolchain", "engine", "go.mod"), "utf8"),
  );
  if (pin?.[1] === undefined)
    throw new Problem("setup-failed", "toolchain/engine/go.mod does not name github.com/pulumi/pulumi/pkg/v3");
  return pin[1];
}

function pluginsHash(): string {
  return hashOf({ files: goFiles("toolchain/plugins"), texts: Object.keys(pinned()).map(packageVersion) });
}

/** The versions of the official plugins that ours stand in for. */
function pinned(): Record<string, string> {
  const file = join(root, "toolchain", "plugins", "versions", "versions.json");
  return JSON.parse(readFileSync(file, "utf8")) as Record<string, string>;
}

function packageVersion(name: string): string {
  const file = join(root, "node_modules", "@pulumi", name, "package.json");
  return (JSON.parse(readFileSync(file, "utf8")) as { version: string }).version;
}

function pluginPath(name: string, version: string): string {
  return join(pulumiHome, "plugins", `resource-${name}-v${version}`, `pulumi-resource-${name}`);
}

function removePlugins(): void {
  const ours = Object.entries(pinned()).map(([name, version]) => dirname(pluginPath(name, version)));
  for (const path of [...ours, join(binDir, "pulumi-language-nodejs"), join(binDir, launcher)]) {
    rmSync(path, { recursive: true, force: true });
  }
  writeStamp("plugins", "");
}

/** Copies a program into the bin folder, in one go. */
function place(from: string, name: string): void {
  mkdirSync(binDir, { recursive: true });
  const next = join(binDir, `${name}.${process.pid}.tmp`);
  copyFileSync(from, next, constants.COPYFILE_FICLONE);
  chmodSync(next, 0o755);
  renameSync(next, join(binDir, name));
}

function replaceLink(target: string, name: string): void {
  mkdirSync(binDir, { recursive: true });
  const next = join(binDir, `${name}.${process.pid}.tmp`);
  rmSync(next, { force: true });
  symlinkSync(realpathSync(target), next);
  renameSync(next, join(binDir, name));
  statSync(join(binDir, name));
}
