// Where a tenant's life is scanned: folders of its own for everything a program may write to, commands that log as much as they
// can, and faults that make them fail with the secrets at hand.
import { existsSync, lstatSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect } from "vitest";
import { withoutSecrets } from "../../cli/errors.ts";
import { binDir, pulumiHome } from "../../toolchain/paths.ts";
import { checkout, run, type Outcome } from "../support/pulumi.ts";
import type { Secret } from "../support/secret-scan.ts";

const stamp = Date.now().toString(36);
/** The tenant. */
export const id = `scan${stamp}`;
/** A tenant whose provisioning fails. */
export const failing = `fails${stamp}`;

export const folder = join(checkout(), "..", `scan-${stamp}`);
export const temporary = join(folder, "temporary");
/** Every file that was ever in `temporary`. */
export const keep = join(folder, "keep");
export const home = join(folder, "home");
export const outbox = join(folder, "outbox");
/** The engine's event logs. */
export const events = join(folder, "events");
/** PULUMI_HOME: the engine's own logs and workspaces. */
export const engine = join(folder, "pulumi");
/** Stacks, history, backups. */
export const backend = fileURLToPath((process.env["PULUMI_BACKEND_URL"] ?? "").split("?")[0] ?? "");

/** Makes the folders. */
export function makeWorld(): void {
  for (const made of [home, outbox, events]) mkdirSync(made, { recursive: true, mode: 0o700 });
  // With the plugins of the real one: the engine does not follow a link in place of a plugin's folder.
  for (const plugin of readdirSync(join(pulumiHome, "plugins"))) {
    const from = join(pulumiHome, "plugins", plugin);
    if (!lstatSync(from).isDirectory()) continue;
    mkdirSync(join(engine, "plugins", plugin), { recursive: true });
    for (const file of readdirSync(from)) symlinkSync(join(from, file), join(engine, "plugins", plugin, file));
  }
}

const env: NodeJS.ProcessEnv = {
  HOME: home,
  TMPDIR: temporary,
  PULUMI_HOME: engine,
  TENANT_OUTBOX_DIR: outbox,
  TENANT_DEBUG: "1",
  TF_LOG: "TRACE",
  NODE_DEBUG: "http,tls,undici",
  // Without it there is no --event-log.
  PULUMI_DEBUG_COMMANDS: "1",
};

/** What was printed, by the command. */
export const printed = new Map<string, string>();

/** Runs a program, where every file it makes may be read by everybody unless it says otherwise itself. */
export async function loose(program: string, args: readonly string[], more: NodeJS.ProcessEnv = {}): Promise<Outcome> {
  return run("/bin/sh", ["-c", 'umask 000; exec "$0" "$@"', program, ...args], { ...env, ...more });
}

async function recorded(program: string, args: readonly string[], more: NodeJS.ProcessEnv): Promise<Outcome> {
  const outcome = await loose(program, args, more);
  printed.set(`${printed.size + 1}. ${program} ${args.slice(0, 3).join(" ")}`, outcome.all);
  return outcome;
}

/** `pulumi COMMAND`, as loud as it goes without giving secrets away: level 9 does (see scan.test.ts). */
export async function pulumi(command: string, args: readonly string[] = [], more: NodeJS.ProcessEnv = {}) {
  const log = join(events, `${printed.size}.json`);
  const update = command === "preview" ? [] : ["--yes", "--skip-preview", "--event-log", log];
  const loud = ["--logtostderr", "-v=8", "--logflow", "--debug", "--non-interactive", "--color", "never"];
  return recorded("pulumi", [command, "--stack", id, ...update, ...args, ...loud], more);
}

/** `npm run tenant -- ARGS` */
export async function tenant(args: readonly string[], more: NodeJS.ProcessEnv = {}): Promise<Outcome> {
  return recorded(process.execPath, ["cli/tenant.ts", ...args, "--debug"], more);
}

// What is shown of a command that should have ended otherwise goes into the tests' report.
const shown = (text: string) => withoutSecrets(text.slice(-3000));
export const succeeds = ({ code, all }: Outcome) => expect(code, shown(all)).toBe(0);
export const fails = ({ code, all }: Outcome) => expect(code, shown(all)).not.toBe(0);

/** A toolchain whose sops fails, and tells everything that it was given. */
export function brokenSops(): NodeJS.ProcessEnv {
  const toolchain = join(folder, "broken");
  const bin = join(toolchain, "bin");
  if (!existsSync(bin)) {
    mkdirSync(bin, { recursive: true });
    for (const name of readdirSync(binDir)) if (name !== "sops") symlinkSync(join(binDir, name), join(bin, name));
    writeFileSync(join(bin, "sops"), "#!/bin/sh\ncat >&2\nexit 1\n", { mode: 0o755 });
  }
  return { TENANT_TOOLCHAIN_DIR: toolchain, PATH: `${bin}:${process.env["PATH"]}` };
}

/** In place of the administrators' credentials: every server refuses them. */
export const decoys: readonly Secret[] = ["MINIO_ROOT_PASSWORD", "PGPASSWORD", "QDRANT_API_KEY", "REDIS_URL"].map(
  (name, index) => ({ name: `wrong ${name}`, value: `${index}wrong${stamp}`.padEnd(40, stamp) }),
);

/** The environment with them. */
export function wrongCredentials(): NodeJS.ProcessEnv {
  const redis = new URL(process.env["REDIS_URL"] ?? "");
  const [minio, pg, qdrant, inUrl] = decoys.map(({ value }) => value);
  redis.password = inUrl ?? "";
  return { MINIO_ROOT_PASSWORD: minio, PGPASSWORD: pg, QDRANT_API_KEY: qdrant, REDIS_URL: redis.href };
}
