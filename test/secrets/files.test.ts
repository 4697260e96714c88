// What another user of the operator's machine, or the operator's own environment, could do to the files of a tenant's secrets.
import {
  chmodSync,
  chownSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { provider as ageKey } from "../../providers/age-key.ts";
import {
  decryptCredentials,
  encryptCredentials,
  pipeThrough,
  readCredentials,
  recipientsOf,
  type Credentials,
} from "../../providers/clients/credentials.ts";
import { writeAtomically } from "../../providers/clients/files.ts";
import { deliverOutbox, emitOrKeep } from "../../providers/clients/outbox.ts";
import { secretFiles } from "../../providers/clients/secrets-dir.ts";
import { servers } from "../../providers/clients/servers.ts";

const tenant = "acme";
/** Another user of the machine; the tests run as root. */
const nobody = 65534;
const down = { postgresql: { ...servers().postgresql, port: 1 } };
let folder = "";
let shared = "";
const before = { ...process.env };

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "files-"));
  shared = join(folder, "shared");
  mkdirSync(shared);
  process.env["TENANT_SECRETS_DIR"] = shared;
});
afterEach(() => {
  for (const name of [
    "TENANT_SECRETS_DIR",
    "TENANT_OUTBOX_DIR",
    "SOPS_KMS_ARN",
    "SOPS_PGP_FP",
    "SOPS_AGE_RECIPIENTS",
  ]) {
    if (before[name] === undefined) Reflect.deleteProperty(process.env, name);
    else process.env[name] = before[name];
  }
  rmSync(folder, { recursive: true, force: true });
});

const makeKey = () => ageKey.create({ tenant });
const tokenOf = (holder: string) =>
  `eyJhbGciOiJIUzI1NiJ9.${Buffer.from(JSON.stringify({ sub: holder })).toString("base64url")}.signature`;
const credentialsOf = (holder: string): Credentials => ({
  minio_access_key: `tenant-${holder}-access`,
  minio_secret_key: "minio-secret-0123456789",
  postgres_password: "postgres-secret-0123456789",
  qdrant_api_key: tokenOf(holder),
  redis_password: "redis-secret-0123456789",
  tenant_api_key: "api-secret-0123456789",
});

describe("the folder of a tenant's key", () => {
  it("of another user is not used: the key in it could be theirs", async () => {
    mkdirSync(secretFiles(tenant).folder);
    writeFileSync(secretFiles(tenant).key, await pipeThrough("age-keygen", [], ""), { mode: 0o600 });
    chownSync(secretFiles(tenant).folder, nobody, nobody);
    await expect(makeKey()).rejects.toThrow(
      /shared\/acme belongs to user 65534, not to user 0 who runs this.*chown -R 0/,
    );
    await expect(ageKey.read(tenant, { tenant, recipient: "age1" })).rejects.toThrow("belongs to user 65534");
  });

  it("is not a link to a place that others read", async () => {
    mkdirSync(join(folder, "theirs"));
    symlinkSync(join(folder, "theirs"), secretFiles(tenant).folder);
    await expect(makeKey()).rejects.toThrow(/shared\/acme is no folder but a link/);
    expect(readdirSync(join(folder, "theirs"))).toEqual([]);
  });

  it("in which others could write is not used; one that they could only read is closed", async () => {
    mkdirSync(secretFiles(tenant).folder);
    chmodSync(secretFiles(tenant).folder, 0o770);
    await expect(makeKey()).rejects.toThrow(/other users could write in .*acme: look through it, then: chmod 700/);
    chmodSync(secretFiles(tenant).folder, 0o755);
    await makeKey();
    expect(lstatSync(secretFiles(tenant).folder).mode & 0o777).toBe(0o700);
    expect(lstatSync(secretFiles(tenant).key).mode & 0o777).toBe(0o600);
  });

  it("lies where nobody else can put another in its place", async () => {
    chmodSync(shared, 0o777);
    await expect(makeKey()).rejects.toThrow(/everybody could replace what is in .*shared: chmod o-w/);
    chmodSync(shared, 0o1777);
    await makeKey();
    chownSync(shared, nobody, nobody);
    await expect(makeKey()).rejects.toThrow(/shared belongs to user 65534/);
  });

  it("is removed with what a killed run left in it", async () => {
    await makeKey();
    writeFileSync(`${secretFiles(tenant).key}.0123456789ab.new`, "half a key");
    await ageKey.delete(tenant, { tenant, recipient: "" });
    expect(readdirSync(shared)).toEqual([]);
  });

  it("is made again without what a killed run left beside it", async () => {
    await makeKey();
    const { folder: own, key, publicKey } = secretFiles(tenant);
    for (const file of [key, publicKey]) writeFileSync(`${file}.0123456789ab.new`, "half");
    await makeKey();
    expect(readdirSync(own).sort()).toEqual(["key.age", "key.pub"]);
  });
});

it("a file is written as a new one: a link in its place, or under a name made from ours, is not followed", async () => {
  const [target, file] = [join(folder, "theirs"), join(folder, "key.age")];
  writeFileSync(target, "");
  for (const name of [file, `${file}.${process.pid}.new`]) symlinkSync(target, name);
  await writeAtomically(file, "private", 0o600);
  expect(lstatSync(file).isFile()).toBe(true);
  expect(lstatSync(target).size).toBe(0);
});

describe("the SOPS file", () => {
  it("is encrypted to the tenant alone, whatever recipients the operator's environment names", async () => {
    const { outs } = await makeKey();
    const foreign = (await pipeThrough("age-keygen", ["-y"], await pipeThrough("age-keygen", [], ""))).trim();
    Object.assign(process.env, {
      SOPS_KMS_ARN: "arn:aws:kms:eu-west-1:111122223333:key/0",
      SOPS_PGP_FP: "FBC7B9E2A4F9289AC0C1D4843D16CEE4A27381B4",
      SOPS_AGE_RECIPIENTS: foreign,
    });
    const own = (outs as { recipient: string }).recipient;
    const encrypted = await encryptCredentials(credentialsOf(tenant), [own]);
    expect(recipientsOf(encrypted)).toEqual([own]);
    expect(await decryptCredentials(encrypted, secretFiles(tenant).key)).toEqual(credentialsOf(tenant));
  });

  it("that also opens with a key that is not age's is not taken for the tenant's own", () => {
    for (const kind of ["pgp", "kms", "gcp_kms", "azure_kv", "hc_vault"]) {
      const file = `sops:\n  age:\n    - recipient: age1own\n  ${kind}:\n    - enc: x\n`;
      expect(recipientsOf(file)).toEqual(["age1own", kind]);
    }
    expect(recipientsOf("sops:\n  key_groups:\n    - age:\n        - recipient: age1own\n")).toEqual(["key_groups"]);
    expect(recipientsOf("sops:\n  pgp: []\n  age:\n    - recipient: age1own\n")).toEqual(["age1own"]);
  });

  it("of another tenant, with its key, is not handed out under this one's name", async () => {
    const { outs } = await makeKey();
    const write = async (holder: string) =>
      writeFileSync(
        secretFiles(tenant).encrypted,
        await encryptCredentials(credentialsOf(holder), [(outs as { recipient: string }).recipient]),
      );
    await write("globex");
    await expect(readCredentials(tenant)).rejects.toThrow(
      /credentials of tenant acme could not be read .*holds the credentials of tenant globex/,
    );
    await write(tenant);
    expect(await readCredentials(tenant)).toEqual(credentialsOf(tenant));
  });
});

it("a program that fails is quoted without what it was given", async () => {
  const given = "password: hunter2-hunter2-hunter2\n";
  const failed = pipeThrough("sh", ["-c", "echo bad input: >&2; cat >&2; exit 3"], given);
  await expect(failed).rejects.toThrow(/^sh ended with 3: bad input:\npassword: \[secret\]$/);
});

describe("events that wait for the platform's database", () => {
  const event = { tenant, type: "TENANT_PROVISION_FAILED", details: { step: 1 } } as const;

  it("of another user are not put into the audit log", async () => {
    const outbox = join(folder, "outbox");
    process.env["TENANT_OUTBOX_DIR"] = outbox;
    mkdirSync(outbox);
    writeFileSync(join(outbox, "018cc251-f400-7000-8000-000000000000.json"), JSON.stringify(event));
    chownSync(outbox, nobody, nobody);
    const delivery = await deliverOutbox(down);
    expect(delivery).toMatchObject({ delivered: 0, problems: [expect.stringContaining("belongs to user 65534")] });
    await expect(emitOrKeep(event, down)).rejects.toThrow(/nor kept in .*belongs to user 65534/);
  });

  it("are their owner's alone, also with umask 000", async () => {
    process.env["TENANT_OUTBOX_DIR"] = join(folder, "outbox");
    const kept = await emitOrKeep(event, down);
    if (kept.recorded) throw new Error("recorded on a server that is down");
    expect([join(folder, "outbox"), kept.file].map((path) => lstatSync(path).mode & 0o777)).toEqual([0o700, 0o600]);
  });
});
