// Outside changes in Qdrant, Redis, the secrets folder and the registry.
import { chmod, readFile, rm, writeFile } from "node:fs/promises";
import { decryptCredentials, encryptCredentials, recipientsOf } from "../../providers/clients/credentials.ts";
import { tokenStateCollection } from "../../providers/clients/qdrant.ts";
import { secretFiles } from "../../providers/clients/secrets-dir.ts";
import {
  type Change,
  acl,
  aliases,
  collection,
  file,
  qdrant,
  redisUser,
  registry,
  secretDocument,
  sql,
  tokens,
} from "./change.ts";

const foreignJti = "0198c0de-0000-4000-8000-0000000000d1";
const recovery = "age1lvyvwawkr0mcnnnncaghunadrqkmuf9e6507x9y920xxpp866cnql7dp2z";

export const qdrantChanges: readonly Change[] = [
  {
    name: "a limit of requests",
    ...{ place: "Qdrant", resource: "QdrantCollection", says: /^strictMode\.max_query_limit: 1000 → 9$/ },
    make: async ({ collection: name }) =>
      (await qdrant()).updateCollection(name, { strict_mode_config: { max_query_limit: 9 } }),
    ask: collection,
  },
  {
    name: "a setting of the index",
    ...{ place: "Qdrant", resource: "QdrantCollection", says: /^hnsw\.m: 16 → 4$/ },
    make: async ({ collection: name }) => (await qdrant()).updateCollection(name, { hnsw_config: { m: 4 } }),
    ask: collection,
  },
  {
    name: "quantization",
    ...{ place: "Qdrant", resource: "QdrantCollection", says: /^quantization: nothing → .*scalar/ },
    make: async ({ collection: name }) =>
      (await qdrant()).updateCollection(name, { quantization_config: { scalar: { type: "int8" } } }),
    ask: collection,
  },
  {
    name: "a payload index deleted",
    ...{ place: "Qdrant", resource: "QdrantCollection", says: /^payloadIndexes\.document_id: keyword → nothing$/ },
    make: async ({ collection: name }) => (await qdrant()).deletePayloadIndex(name, "document_id", { wait: true }),
    ask: collection,
  },
  {
    name: "a payload index added",
    ...{ place: "Qdrant", resource: "QdrantCollection", says: /^payloadIndexes\.extra: nothing → integer$/ },
    make: async ({ collection: name }) =>
      (await qdrant()).createPayloadIndex(name, { field_name: "extra", field_schema: "integer", wait: true }),
    ask: collection,
  },
  {
    name: "an alias",
    ...{ place: "Qdrant", resource: "QdrantCollection", says: /^the alias drift_alias_\w+ leads to it$/ },
    make: async ({ id, collection: name }) =>
      (await qdrant()).updateCollectionAliases({
        actions: [{ create_alias: { alias_name: `drift_alias_${id}`, collection_name: name } }],
      }),
    ask: aliases,
  },
  {
    name: "another valid token",
    ...{ place: "Qdrant", resource: "QdrantAccess", says: new RegExp(`^the token ${foreignJti} is valid too$`) },
    make: async ({ id }) =>
      (await qdrant()).upsert(tokenStateCollection, {
        wait: true,
        points: [{ id: foreignJti, vector: [1], payload: { jti: foreignJti, tenant: id } }],
      }),
    ask: tokens,
  },
];

export const redis: readonly Change[] = [
  {
    name: "a command",
    ...{ place: "Redis", resource: "RedisAclUser", says: /^commands: removed -keys$/ },
    make: ({ redisUser: user }) => acl("SETUSER", user, "+keys"),
    ask: redisUser,
  },
  {
    name: "another key pattern",
    ...{ place: "Redis", resource: "RedisAclUser", says: /^keys: added ~tenant:canary:\*$/ },
    make: ({ redisUser: user }) => acl("SETUSER", user, "~tenant:canary:*"),
    ask: redisUser,
  },
  {
    name: "a second password",
    ...{ place: "Redis", resource: "RedisAclUser", says: /^passwords that are not ours: 1$/ },
    make: ({ redisUser: user }) => acl("SETUSER", user, ">drift-second"),
    ask: redisUser,
  },
];

export const files: readonly Change[] = [
  {
    name: "another recipient, another value",
    ...{ place: "files", resource: "SopsFile", says: /^recipients: added age1lvyvwawk/ },
    make: async ({ id }) => {
      const { encrypted, key } = secretFiles(id);
      const text = await readFile(encrypted, "utf8");
      const credentials = { ...(await decryptCredentials(text, key)), tenant_api_key: "drift-api-key" };
      await writeFile(encrypted, await encryptCredentials(credentials, [...recipientsOf(text), recovery]));
    },
    ask: secretDocument,
  },
  {
    name: "a file that others can read",
    ...{ place: "files", resource: "SopsFile", says: /^its mode is 0644, not 0600$/ },
    make: async ({ id }) => chmod(secretFiles(id).encrypted, 0o644),
    ask: file("encrypted"),
  },
  {
    name: "a key that others can read",
    ...{ place: "files", resource: "AgeKey", says: /^the mode of key\.age is 0640, not 0600$/ },
    make: async ({ id }) => chmod(secretFiles(id).key, 0o640),
    ask: file("key"),
  },
  {
    name: "the public key missing",
    ...{ place: "files", resource: "AgeKey", says: /^key\.pub is gone$/ },
    make: async ({ id }) => rm(secretFiles(id).publicKey),
    ask: file("publicKey"),
  },
];

export const records: readonly Change[] = [
  {
    name: "networks in the registry",
    ...{ place: "platform database", resource: "RegistryRow", says: /^networks: added 10\.1\.0\.0\/16$/ },
    make: ({ id }) => sql(`UPDATE public.tenants SET networks = '{10.1.0.0/16}' WHERE tenant_id = '${id}'`, "platform"),
    ask: registry("tenants"),
  },
  {
    name: "the status in the registry",
    ...{ place: "platform database", resource: "RegistryRow", says: /^suspended: false → true$/ },
    make: ({ id }) => sql(`UPDATE public.tenants SET status = 'suspended' WHERE tenant_id = '${id}'`, "platform"),
    ask: registry("tenants"),
  },
  {
    name: "a reserved network",
    ...{ place: "platform database", resource: "Reservation", says: /^networks: added 10\.2\.0\.0\/16$/ },
    make: ({ id }) =>
      sql(`UPDATE public.reservation_networks SET network = '10.2.0.0/16' WHERE tenant_id = '${id}'`, "platform"),
    ask: registry("reservation_networks"),
  },
  {
    name: "the stack of the reservation",
    ...{ place: "platform database", resource: "Reservation", says: /^it is registered for the stack another$/ },
    make: ({ id }) => sql(`UPDATE public.reservations SET stack = 'another' WHERE tenant_id = '${id}'`, "platform"),
    ask: registry("reservations"),
  },
];
