// The real engine with the pack: what people, CI and pull requests run. The rules themselves are in rules.test.ts.
import { copyFileSync, existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { stringify } from "yaml";
import type { Previewed } from "../../cli/engine/preview.ts";
import { tenantNames } from "../../components/names.ts";
import { servers } from "../../providers/clients/servers.ts";
import { tracesOf } from "../../providers/clients/traces.ts";
import { makeCheckout } from "../support/checkout.ts";
import { deployed } from "../support/deployed.ts";
import { checkout, initStack, pulumi, removeStack, run } from "../support/pulumi.ts";

// Each test runs the engine, some of them twice.
vi.setConfig({ testTimeout: 180_000 });

const tenant = "attacker";
const id = `policy${Date.now().toString(36)}`;
const stackFile = (stack: string, folder = checkout()): string => join(folder, "stacks", `Pulumi.${stack}.yaml`);

/** `npm run preview -- ARGS`. */
const preview = (args: readonly string[], folder = checkout()) =>
  run(process.execPath, ["cli/tenant.ts", "preview", ...args], {}, folder);

async function previewed(stack: string, folder = checkout()): Promise<Previewed & { readonly code: number }> {
  const { stdout, stderr, code } = await preview([stack, "--json"], folder);
  if (stdout === "") throw new Error(stderr);
  const [one] = (JSON.parse(stdout) as { tenants: [Previewed] }).tenants;
  return { ...one, code };
}

beforeAll(async () => {
  await deployed(tenant);
});

describe("the real program passes", () => {
  it("when nothing changes, and the command says so", async () => {
    const { code, stdout, stderr } = await preview(["platform", tenant]);
    expect(code, stdout + stderr).toBe(0);
    expect(stdout).toMatch(/│ platform │ passes; no changes/);
    expect(stdout).toMatch(new RegExp(`│ ${tenant} +│ passes; no changes`));
  });

  it("in the first preview of a tenant, which makes nothing, not even its stack", async () => {
    const text = stringify({ config: { "tenant-storage:id": id, "tenant-storage:network": ["10.83.0.0/16"] } });
    writeFileSync(stackFile(id), text);
    try {
      const { code, changes, refused, warnings, errors, steps } = await previewed(id);
      expect({ code, refused, warnings, errors }).toEqual({ code: 0, refused: [], warnings: [], errors: [] });
      expect(Object.keys(changes)).toEqual(["create"]);
      expect(steps.map(({ urn }) => urn)).toContainEqual(expect.stringContaining("RedisAclUser"));
      expect(readFileSync(stackFile(id), "utf8")).toBe(text);
      expect((await pulumi(["stack", "ls", "--json"])).stdout).not.toContain(id);
      expect(await tracesOf(tenantNames(id), servers(), { keys: true })).toEqual([]);
    } finally {
      rmSync(stackFile(id));
    }
  });
});

describe("a changed program is refused", () => {
  const folder = join(dirname(checkout()), "policy-checkout");
  const change = (file: string, from: string, to: string): void => {
    const text = readFileSync(join(folder, file), "utf8");
    if (!text.includes(from)) throw new Error(`${file} has no ${from}`);
    writeFileSync(join(folder, file), text.replace(from, to));
  };
  const unchanged = async (): Promise<void> => {
    await makeCheckout(folder);
    copyFileSync(stackFile(tenant), stackFile(tenant, folder));
  };
  afterAll(() => {
    rmSync(folder, { recursive: true, force: true });
  });

  it("by every rule it breaks, each with its message", async () => {
    await unchanged();
    const storage = "components/object-storage.ts";
    const database = "components/database.ts";
    change(storage, 'algorithm: "AES256"', 'algorithm: "none"');
    change(storage, '"s3:GetObject", "s3:PutObject"', '"s3:*"');
    change(database, "networks: [...args.networks]", 'networks: ["0.0.0.0/0"]');
    change(database, 'objectType: "database", privileges: []', 'objectType: "database", privileges: ["CONNECT"]');
    change("providers/clients/redis-commands.ts", '"-@all",', '"-@all", "allkeys",');
    change("components/credentials.ts", "qdrant_api_key: token.token", "qdrant_api_key: this.tenantApiKey");

    const { code, refused, errors } = await previewed(tenant, folder);
    expect({ code, errors }).toEqual({ code: 1, errors: [] });
    const messages = refused.map(({ rule, message }) => `${rule}: ${message.split("\n").at(-1)}`).sort();
    expect(messages).toEqual([
      expect.stringMatching(/^minio-bucket-encrypted: algorithm is "none"/),
      expect.stringMatching(/^minio-least-policy: the allowed action "s3:\*" is a wildcard/),
      expect.stringMatching(/^postgresql-grant-own-role: PUBLIC, .* gets CONNECT/),
      expect.stringMatching(/^postgresql-networks-bounded: the network 0\.0\.0\.0\/0 is wider/),
      expect.stringMatching(/^qdrant-credential-is-token: .* is no JWT/),
      expect.stringMatching(/^redis-user-own-prefix: the rule "allkeys" gives the user keys/),
    ]);
  });

  it("by plain pulumi preview too", async () => {
    const args = ["preview", "--stack", tenant, "--policy-pack", "policy", "--color", "never", "--non-interactive"];
    const { code, stdout } = await run("pulumi", args, {}, folder);
    expect(code).not.toBe(0);
    expect(stdout).toContain("[mandatory]  redis-user-own-prefix");
  });

  it("for a resource that no rule knows", async () => {
    await unchanged();
    change("providers/role-limits.ts", 'super("RoleLimits"', 'super("Shell"');
    const { code, refused } = await previewed(tenant, folder);
    expect(code).toBe(1);
    expect(refused.map(({ rule }) => rule).sort()).toEqual(["stack-complete", "stack-known-types"]);
    expect(refused[0]?.urn).toContain("dynamic/tenant:Shell");
  });

  it("for one that is missing, and the summary names the rule", async () => {
    await unchanged();
    change("components/tenant.ts", "new DataGuard(", "void ((..._: unknown[]) => undefined)(");
    const { code, stdout, stderr } = await preview([tenant], folder);
    expect(code, stderr).toBe(1);
    expect(stdout).toContain("tenant attacker has no DataGuard: a destroy would delete data without asking");
    expect(stdout).toMatch(/│ attacker │ refused: stack-complete; 1 to delete/);
    expect(stderr).toContain("Only these again: npm run tenant -- preview attacker");
  });

  it("by a pack that cannot start: then nothing is said of changes", async () => {
    await unchanged();
    change("policy/index.js", 'import "./pack.ts";', 'throw new Error("broken");');
    const { code, stderr } = await preview([tenant, "--summary"], folder);
    expect(code).toBe(1);
    expect(stderr).toContain("failed to start");
    expect(stderr).not.toContain("Nothing would change");
  });

  // The pack of the copy expects something else: what it says then is what it saw.
  it("by what the servers gave: a token's claims and a Redis user's rules", async () => {
    await unchanged();
    change("policy/redis.ts", "keys: `~${prefix}*`", "keys: `~other:*`");
    change("policy/qdrant.ts", 'const tokenState = "platform_token_state"', 'const tokenState = "other"');
    const { refused } = await previewed(tenant, folder);
    const messages = refused.map(({ rule, message }) => `${rule}: ${message.split("\n").at(-1)}`).sort();
    expect(messages).toEqual([
      expect.stringMatching(/^qdrant-credential-is-token: the token cannot be revoked/),
      expect.stringMatching(/^qdrant-token-claims: the token cannot be revoked/),
      expect.stringMatching(
        /^redis-user-reset: the server grants the user the keys "~tenant:attacker:\*" and not "~other/,
      ),
    ]);
  });
});

it("pulumi up with the pack makes nothing of what is refused", async () => {
  // 32 million addresses: the configuration takes them, the pack does not.
  await initStack(id, { id, network: ["12.0.0.0/7"] });
  try {
    const { code, all } = await pulumi(["up", "--stack", id, "--yes", "--skip-preview", "--policy-pack", "policy"]);
    expect(code).not.toBe(0);
    expect(all).toMatch(/postgresql-networks-bounded[^]*the network 12\.0\.0\.0\/7 is wider than \/8/);
    expect(await tracesOf(tenantNames(id), servers(), { keys: true })).toEqual([]);
  } finally {
    await removeStack(id);
  }
});

it("a stack without a file is named, with those that have one", async () => {
  const { code, stdout, stderr } = await preview(["nosuch"]);
  expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
  expect(stderr).toMatch(
    /nosuch has no stacks\/Pulumi\.nosuch\.yaml here\. Stacks that have a file: platform, .*attacker/,
  );
  expect(existsSync(stackFile("nosuch"))).toBe(false);
});
