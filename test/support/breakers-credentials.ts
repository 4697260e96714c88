// Ways to break a tenant's isolation through its files: a wider Qdrant token, another recipient, a readable key.
import { chmod, readFile, writeFile } from "node:fs/promises";
import { SignJWT } from "jose";
import { stringify } from "yaml";
import {
  decryptCredentials,
  encryptCredentials,
  pipeThrough,
  recipientsOf,
} from "../../providers/clients/credentials.ts";
import { qdrantClient } from "../../providers/clients/qdrant.ts";
import { secretFiles } from "../../providers/clients/secrets-dir.ts";
import { servers } from "../../providers/clients/servers.ts";
import type { Breaker, Target } from "./breakers.ts";

/** Replaces the tenant's SOPS file. */
const fileBreaker = (
  name: string,
  fails: readonly string[],
  replace: (encrypted: string, target: Target) => Promise<string>,
): Breaker => ({
  name,
  fails,
  async breakIt(t) {
    const file = secretFiles(t.names.id).encrypted;
    const before = await readFile(file, "utf8");
    await writeFile(file, await replace(before, t));
    return () => writeFile(file, before);
  },
});

/** Puts another Qdrant token into the file; its claims are made from the present ones. */
const tokenBreaker = (
  name: string,
  fails: readonly string[],
  change: (claims: Record<string, unknown>, target: Target) => Record<string, unknown>,
): Breaker =>
  fileBreaker(name, fails, async (encrypted, t) => {
    const credentials = await decryptCredentials(encrypted, secretFiles(t.names.id).key);
    const payload = credentials.qdrant_api_key.split(".")[1] ?? "";
    const claims = JSON.parse(Buffer.from(payload, "base64url").toString("utf8")) as Record<string, unknown>;
    const token = await new SignJWT(change(claims, t))
      .setProtectedHeader({ alg: "HS256", typ: "JWT" })
      .sign(new TextEncoder().encode(servers().qdrant.apiKey));
    return encryptCredentials({ ...credentials, qdrant_api_key: token }, recipientsOf(encrypted));
  });

export const qdrantBreakers: Breaker[] = [
  {
    name: "tenants reach Qdrant without the gateway",
    fails: ["qdrant/telemetry"],
    async breakIt() {
      const before = process.env["QDRANT_TENANT_URL"];
      process.env["QDRANT_TENANT_URL"] = servers().qdrant.url.origin;
      return async () => Object.assign(process.env, { QDRANT_TENANT_URL: before });
    },
  },
  tokenBreaker(
    "token for every collection (no access claim)",
    ["qdrant/cross_collection", "qdrant/collection_listing", "qdrant/global_access"],
    ({ access: _, ...claims }) => claims,
  ),
  tokenBreaker(
    "token reads every collection, and only reads",
    ["qdrant/own_access", "qdrant/cross_collection", "qdrant/collection_listing", "qdrant/global_access"],
    (claims) => ({ ...claims, access: "r" }),
  ),
  tokenBreaker(
    "token also for the other tenant's collection",
    ["qdrant/cross_collection", "qdrant/collection_listing"],
    (claims, { names, other }) => ({
      ...claims,
      access: [
        { collection: names.collection, access: "prw" },
        { collection: other.collection, access: "r" },
      ],
    }),
  ),
  tokenBreaker("token only reads", ["qdrant/own_access"], (claims, { names }) => ({
    ...claims,
    access: [{ collection: names.collection, access: "r" }],
  })),
  {
    name: "collection deleted",
    fails: ["qdrant/collection_exists", "qdrant/own_access", "qdrant/collection_listing"],
    async breakIt({ names }) {
      const admin = await qdrantClient(servers());
      const { config } = await admin.getCollection(names.collection);
      await admin.deleteCollection(names.collection);
      const { vectors } = config.params;
      if (vectors === undefined || vectors === null) throw new Error(`collection ${names.collection} has no vectors`);
      const strict = config.strict_mode_config;
      return () =>
        admin.createCollection(names.collection, { vectors, ...(strict ? { strict_mode_config: strict } : {}) });
    },
  },
];

/** Encrypts the tenant's file to more recipients. */
const recipientBreaker = (name: string, fails: readonly string[], recipient: (t: Target) => Promise<string>): Breaker =>
  fileBreaker(name, fails, async (encrypted, t) => {
    const credentials = await decryptCredentials(encrypted, secretFiles(t.names.id).key);
    return encryptCredentials(credentials, [...recipientsOf(encrypted), await recipient(t)]);
  });

export const encryptionBreakers: Breaker[] = [
  recipientBreaker("another recipient", ["encryption/recipients"], async () =>
    (await pipeThrough("age-keygen", ["-y"], await pipeThrough("age-keygen", [], ""))).trim(),
  ),
  recipientBreaker(
    "the other tenant is a recipient",
    ["encryption/recipients", "encryption/decrypts_with_other_key"],
    async ({ other }) => (await readFile(secretFiles(other.id).publicKey, "utf8")).trim(),
  ),
  fileBreaker("one value in the clear", ["encryption/values_encrypted"], async (encrypted, t) => {
    const credentials = await decryptCredentials(encrypted, secretFiles(t.names.id).key);
    const args = ["--config", "/dev/null", "encrypt", "--unencrypted-regex", "^tenant_api_key$"];
    const recipients = ["--age", recipientsOf(encrypted).join(",")];
    const formats = ["--input-type", "yaml", "--output-type", "yaml", "--filename-override", "secrets.yaml"];
    return pipeThrough("sops", [...args, ...recipients, ...formats], stringify(credentials));
  }),
  {
    name: "private key readable by others",
    fails: ["encryption/key_file_mode"],
    async breakIt({ names }) {
      const { key } = secretFiles(names.id);
      await chmod(key, 0o644);
      return () => chmod(key, 0o600);
    },
  },
  {
    name: "published key is another one",
    fails: ["encryption/recipients"],
    async breakIt({ names }) {
      const { publicKey } = secretFiles(names.id);
      const before = await readFile(publicKey, "utf8");
      await writeFile(publicKey, await pipeThrough("age-keygen", ["-y"], await pipeThrough("age-keygen", [], "")));
      return () => writeFile(publicKey, before);
    },
  },
];
