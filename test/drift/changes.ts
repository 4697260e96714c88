// What somebody may do to a tenant from outside, each with the store's own administrator's client, what the report must then say, and
// how the server is asked whether it is back.
import { rm } from "node:fs/promises";
import type { TenantNames } from "../../components/names.ts";
import { tokenStateCollection } from "../../providers/clients/qdrant.ts";
import { secretFiles } from "../../providers/clients/secrets-dir.ts";
import * as admin from "../support/minio-admin.ts";
import {
  type Change,
  acl,
  collection,
  edit,
  hba,
  info,
  qdrant,
  redisUser,
  registry,
  s3,
  secretDocument,
  sql,
  stranger,
  tokens,
} from "./change.ts";
import { minio } from "./changes-minio.ts";
import { files, qdrantChanges, records, redis } from "./changes-others.ts";
import { postgresql } from "./changes-postgresql.ts";

/** Changed and added, all of which can be made at once. */
export const changes: readonly Change[] = [...minio, ...postgresql, ...qdrantChanges, ...redis, ...files, ...records];

const removeUser = async ({ minioUser }: TenantNames) => admin.removeUser(await s3(), minioUser);

/** What is deleted, all at once, after the above is put back. */
export const deletions: readonly Change[] = [
  {
    name: "the MinIO user",
    ...{ place: "MinIO", resource: "IamUser", says: /^is gone$/ },
    make: removeUser,
    ask: info,
  },
  {
    name: "the lines of pg_hba.conf",
    ...{ place: "PostgreSQL", resource: "PgHbaEntry", says: /^is gone$/ },
    make: ({ role }) =>
      edit((text) =>
        text
          .split("\n")
          .filter((line) => !line.includes(role))
          .join("\n"),
      ),
    ask: hba,
  },
  {
    name: "the collection, which is empty",
    ...{ place: "Qdrant", resource: "QdrantCollection", says: /^is gone$/ },
    make: async ({ collection: name }) => (await qdrant()).deleteCollection(name),
    ask: collection,
  },
  {
    name: "the valid token",
    ...{ place: "Qdrant", resource: "QdrantAccess", says: /^enabled: true → false$/ },
    make: async ({ id }) =>
      (await qdrant()).delete(tokenStateCollection, {
        wait: true,
        filter: { must: [{ key: "tenant", match: { value: id } }] },
      }),
    ask: tokens,
  },
  {
    name: "the Redis user",
    ...{ place: "Redis", resource: "RedisAclUser", says: /^is gone$/ },
    make: ({ redisUser: user }) => acl("DELUSER", user),
    ask: redisUser,
  },
  {
    name: "the SOPS file",
    ...{ place: "files", resource: "SopsFile", says: /^is gone$/ },
    make: async ({ id }) => rm(secretFiles(id).encrypted),
    ask: secretDocument,
  },
  {
    name: "the row of the registry",
    ...{ place: "platform database", resource: "RegistryRow", says: /^is gone$/ },
    make: ({ id }) => sql(`DELETE FROM public.tenants WHERE tenant_id = '${id}'`, "platform"),
    ask: async (names) => (await registry("tenants")(names)).length,
  },
];

/** What the above needs: a stranger's role, and a group with a policy. */
export async function prepare(names: TenantNames): Promise<void> {
  await sql(`DROP ROLE IF EXISTS ${stranger(names)}`);
  await sql(`CREATE ROLE ${stranger(names)}`);
}

export async function clean(names: TenantNames): Promise<void> {
  await sql(`DROP OWNED BY ${stranger(names)}`);
  await sql(`DROP ROLE ${stranger(names)}`);
  await admin.removeGroup(await s3(), stranger(names));
}
