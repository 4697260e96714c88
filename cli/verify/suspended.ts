// A suspended tenant: each server refuses its valid credentials, nothing that was open is left, and its data are there. Who asks
// with a wrong password learns nothing: each refusal is told from that of a credential that is not the tenant's.
import { createHash } from "node:crypto";
import { countObjects } from "../../providers/clients/minio.ts";
import { closeSession } from "../../providers/clients/postgresql.ts";
import { httpStatus } from "../../providers/clients/qdrant.ts";
import { onEveryNode, withRedisNodes, type ConnectedNode } from "../../providers/clients/redis-nodes.ts";
import { fieldsOf } from "../../providers/clients/redis.ts";
import {
  Mismatch,
  refused,
  works,
  type CheckDefinition,
  type Dialect,
  type StoreDefinition,
  type Subject,
} from "./checks.ts";
import { dialect as minioDialect, folder, list, sweep } from "./minio-requests.ts";
import { minio } from "./minio.ts";
import { dialect as postgresqlDialect, onEach, postgresql } from "./postgresql.ts";
import { newTrace } from "./probe.ts";
import { dialect as qdrantDialect, qdrant } from "./qdrant.ts";
import { anonymously, dialect as redisDialect } from "./redis-clients.ts";

/** The name of the check that says whether a store lets the tenant in. */
export const shutOut = "credentials_refused";

/** Checks that hold for a suspended tenant as well: they ask as the administrator, or as nobody. */
function standing<C>({ checks }: StoreDefinition<C>, ...tests: readonly string[]): CheckDefinition<C>[] {
  return checks.filter(({ test }) => tests.includes(test));
}

export const suspendedMinio: typeof minio = {
  ...minio,
  checks: [
    {
      // A wrong secret is SignatureDoesNotMatch, which proves nothing.
      test: shutOut,
      expected: "DENIED",
      run: (c) => {
        const trace = newTrace();
        const { bucket } = c.names;
        return refused(minioDialect, [
          { what: "list buckets", run: () => c.tenant.listBuckets() },
          { what: "list", run: () => list(c.tenant, bucket, "") },
          { what: "read", run: () => c.tenant.getObject(bucket, "raw/.keep").then((stream) => stream.destroy()) },
          {
            what: "write",
            run: () => c.tenant.putObject(bucket, `${folder}${trace}/probe`, "must be refused"),
            undo: () => sweep(c.admin, bucket, (found) => found === trace),
          },
          { what: "delete", run: () => c.tenant.removeObject(bucket, `${folder}none`) },
        ]);
      },
    },
    {
      test: "data_kept",
      expected: "OK",
      run: (c) =>
        works(minioDialect, async () => {
          const { bucket } = c.names;
          if (!(await c.admin.bucketExists(bucket))) throw new Mismatch(`there is no bucket ${bucket}`);
          const count = await countObjects(c.admin, bucket, 1000);
          return `${count === 1000 ? "at least " : ""}${count} objects`;
        }),
    },
    ...standing(minio, "policy_attached", "anonymous_access", "unsigned_upload"),
  ],
};

const noLogin = "may not log in";

export const suspendedPostgresql: typeof postgresql = {
  ...postgresql,
  checks: [
    {
      // The server looks at the password before it looks at the attribute LOGIN. A line of pg_hba.conf, or none, is 28000 too.
      test: shutOut,
      expected: "DENIED",
      run: (c) => {
        const dialect: Dialect = {
          code: (error) => {
            const code = postgresqlDialect.code(error);
            const { routine } = error as { routine?: string };
            return code === "28000" && routine === "InitializeSessionUserId" ? noLogin : code;
          },
          refusals: [noLogin],
        };
        return refused(
          dialect,
          onEach(c, "connect", async (at) => closeSession(await c.connect(c.names.database, at))),
        );
      },
    },
    {
      test: "sessions_ended",
      expected: "OK",
      run: (c) =>
        works(postgresqlDialect, async () => {
          const query = "SELECT count(*)::int AS count FROM pg_stat_activity WHERE usename = $1";
          for (const at of c.nodes) {
            const [sessions] = await c.ask<{ count: number }>(query, [c.names.role], at);
            if (sessions?.count === 0) continue;
            const where = at.standby ? ` on ${at.name}` : "";
            throw new Mismatch(`${sessions?.count} sessions of ${c.names.role} are open${where}`);
          }
        }),
    },
    {
      test: "data_kept",
      expected: "OK",
      run: (c) =>
        works(postgresqlDialect, async () => {
          const query = "SELECT pg_size_pretty(pg_database_size(oid)) AS size FROM pg_database WHERE datname = $1";
          const [found] = await c.ask<{ size: string }>(query, [c.names.database]);
          if (found === undefined) throw new Mismatch(`there is no database ${c.names.database}`);
          return found.size;
        }),
    },
    ...standing(postgresql, "role_limited", "superusers_protected", "role_confined", "database_private"),
  ],
};

const voided = "void";

export const suspendedQdrant: typeof qdrant = {
  ...qdrant,
  checks: [
    {
      // A token with another signature is refused as well, in other words.
      test: shutOut,
      expected: "DENIED",
      run: (c) => {
        const dialect: Dialect = {
          code: (error) => {
            const { data } = error as { data?: unknown };
            const revoked = httpStatus(error) === 401 && String(data).includes("stateful validation failed");
            return revoked ? voided : qdrantDialect.code(error);
          },
          refusals: [voided],
        };
        const { collection } = c.names;
        return refused(dialect, [
          { what: "info", run: () => c.tenant.getCollection(collection) },
          { what: "list", run: () => c.tenant.scroll(collection, { limit: 1 }) },
          { what: "delete", run: () => c.tenant.delete(collection, { wait: true, points: [newTrace()] }) },
          { what: "info past the gateway", run: () => c.direct.getCollection(collection) },
        ]);
      },
    },
    {
      test: "data_kept",
      expected: "OK",
      run: (c) =>
        works(qdrantDialect, async () => {
          const { exists } = await c.admin.collectionExists(c.names.collection);
          if (!exists) throw new Mismatch(`there is no collection ${c.names.collection}`);
          return `${(await c.admin.count(c.names.collection, { exact: false })).count} points`;
        }),
    },
    ...standing(qdrant, "unauthenticated_access"),
  ],
};

interface RedisContext extends Subject {
  readonly nodes: readonly ConnectedNode[];
}

const at = ({ nodes }: RedisContext, { name }: ConnectedNode): string => (nodes.length === 1 ? "" : ` on ${name}`);

export const suspendedRedis: StoreDefinition<RedisContext> = {
  store: "redis",
  within: (subject, work) => withRedisNodes(subject.servers, (nodes) => work({ ...subject, nodes })),
  checks: [
    {
      // The same words for a wrong password: credentials_kept tells.
      test: shutOut,
      expected: "DENIED",
      run: async (c) => {
        const { redis_password: password } = await c.credentials;
        return refused(
          { ...redisDialect, refusals: ["WRONGPASS"] },
          c.nodes.map((node) => ({
            what: `AUTH${at(c, node)}`,
            run: () => anonymously(c.servers.redis, node, ["AUTH", c.names.redisUser, password]),
          })),
        );
      },
    },
    {
      test: "credentials_kept",
      expected: "OK",
      run: (c) =>
        works(redisDialect, async () => {
          const hash = createHash("sha256")
            .update((await c.credentials).redis_password)
            .digest("hex");
          await onEveryNode(c.nodes, async (node) => {
            const reply = await node.client.call("ACL", "GETUSER", c.names.redisUser);
            if (reply === null) throw new Mismatch(`there is no user ${c.names.redisUser}${at(c, node)}`);
            const passwords = [fieldsOf(reply).get("passwords")].flat();
            if (passwords.join() !== hash) throw new Mismatch(`the user has another password${at(c, node)}`);
          });
        }),
    },
    {
      test: "sessions_ended",
      expected: "OK",
      run: (c) =>
        works(redisDialect, async () => {
          await onEveryNode(c.nodes, async (node) => {
            const all = String(await node.client.call("CLIENT", "LIST")).split("\n");
            const open = all.filter((line) => line.split(" ").includes(`user=${c.names.redisUser}`)).length;
            if (open > 0) throw new Mismatch(`${open} connections of ${c.names.redisUser} are open${at(c, node)}`);
          });
        }),
    },
  ],
};
