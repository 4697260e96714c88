// A recovery key beside the tenant's own: it opens the SOPS file for as long as the configuration names it, and nothing later.
import { armor, Decrypter } from "age-encryption";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { parse } from "yaml";
import { provider as ageKey } from "../../providers/age-key.ts";
import {
  credentialKeys,
  decryptCredentials,
  encryptCredentials,
  pipeThrough,
} from "../../providers/clients/credentials.ts";
import { secretFiles } from "../../providers/clients/secrets-dir.ts";
import { provider as sopsFile } from "../../providers/sops-file.ts";

const tenant = "acme";
const before = process.env["TENANT_SECRETS_DIR"];
const values = credentialKeys.map((key) => [key, `the tenant's ${key}`]);
const credentials = Object.fromEntries(values) as unknown as Parameters<typeof encryptCredentials>[0];
let folder = "";
let own = "";
/** The recovery key's private half, as its holder keeps it. */
let identity = "";
let recovery = "";

const read = () => readFileSync(secretFiles(tenant).encrypted, "utf8");
const inputs = (...extra: string[]) => ({ tenant, recipients: [own, ...extra].sort(), credentials });

/** The key that the values of a SOPS file are encrypted with, as a recipient can have it. */
async function dataKey(file: string, keyFile: string): Promise<string> {
  const { sops } = parse(file) as { sops: { age: { recipient: string; enc: string }[] } };
  const holder = (await pipeThrough("age-keygen", ["-y", keyFile], "")).trim();
  const mine = sops.age.find(({ recipient }) => recipient === holder)?.enc ?? "";
  const decrypter = new Decrypter();
  decrypter.addIdentity(/AGE-SECRET-KEY-\w+/.exec(readFileSync(keyFile, "utf8"))?.[0] ?? "");
  return Buffer.from(await decrypter.decrypt(armor.decode(mine))).toString("base64");
}

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "recipients-"));
  process.env["TENANT_SECRETS_DIR"] = join(folder, "secrets");
  own = ((await ageKey.create({ tenant })).outs as { recipient: string }).recipient;
  identity = join(folder, "recovery.age");
  writeFileSync(identity, await pipeThrough("age-keygen", [], ""), { mode: 0o600 });
  recovery = (await pipeThrough("age-keygen", ["-y", identity], "")).trim();
});
afterEach(() => {
  if (before === undefined) delete process.env["TENANT_SECRETS_DIR"];
  else process.env["TENANT_SECRETS_DIR"] = before;
  rmSync(folder, { recursive: true });
});

it("opens the file; taken out of the configuration, it opens neither the next file nor, by the old data key, its values", async () => {
  const { outs } = await sopsFile.create(inputs(recovery));
  const first = read();
  expect(await decryptCredentials(first, identity)).toEqual(credentials);
  expect(await decryptCredentials(first, secretFiles(tenant).key)).toEqual(credentials);

  await sopsFile.update(tenant, outs as ReturnType<typeof inputs>, inputs());
  const second = read();
  await expect(decryptCredentials(second, identity)).rejects.toThrow(/did\s+not match any of\s+the recipients/);
  expect(await decryptCredentials(second, secretFiles(tenant).key)).toEqual(credentials);
  const key = secretFiles(tenant).key;
  expect(await dataKey(first, identity)).toBe(await dataKey(first, key));
  expect(await dataKey(second, key)).not.toBe(await dataKey(first, key));
});

it("added by somebody else is a difference at the next refresh, which the next update takes back", async () => {
  const { outs } = await sopsFile.create(inputs());
  writeFileSync(secretFiles(tenant).encrypted, await encryptCredentials(credentials, [own, recovery]));
  const recorded = outs as ReturnType<typeof inputs>;
  const { inputs: seen, props = recorded } = await sopsFile.read(tenant, recorded);
  expect(seen).toMatchObject({ recipients: [own, recovery].sort() });
  expect(await sopsFile.diff(tenant, props, inputs())).toMatchObject({ changes: true, replaces: [] });
  await sopsFile.update(tenant, props, inputs());
  await expect(decryptCredentials(read(), identity)).rejects.toThrow(/did\s+not match any of\s+the recipients/);
});
