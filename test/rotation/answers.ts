// What each server says to a set of credentials, asked with an ordinary client.
import { tenantNames } from "../../components/names.ts";
import type { Credentials } from "../../providers/clients/credentials.ts";
import { minioClient, s3Code } from "../../providers/clients/minio.ts";
import { closeSession, openSession, sqlState } from "../../providers/clients/postgresql.ts";
import { httpStatus, qdrantClient } from "../../providers/clients/qdrant.ts";
import { withRedis } from "../../providers/clients/redis.ts";
import { servers } from "../../providers/clients/servers.ts";

/** The answers to credentials that are no longer, or not yet, the tenant's. */
export const refused = { minio: "InvalidAccessKeyId", postgresql: "28P01", qdrant: "401", redis: "WRONGPASS" } as const;

/** The answers to the tenant's. */
export const works = { minio: "works", postgresql: "works", qdrant: "works", redis: "works" } as const;

/** `works`, or the server's code of refusal. */
export async function answers(id: string, credentials: Credentials): Promise<Record<string, string>> {
  const { bucket, collection, database, keyPrefix, redisUser, role } = tenantNames(id);
  const all = servers();
  const answer = (work: Promise<unknown>, code: (error: unknown) => string | number | undefined): Promise<string> =>
    work.then(
      () => "works",
      (error: unknown) => String(code(error) ?? (error as Error).message),
    );
  const as = { user: redisUser, password: credentials.redis_password };
  const key = { user: credentials.minio_access_key, password: credentials.minio_secret_key };
  const session = { user: role, password: credentials.postgres_password, database };
  // Each with its handler from the start: a refusal may come while another server is still asked.
  const [minio, postgresql, qdrant, redis] = await Promise.all([
    answer(
      minioClient(all, key).then((client) => client.putObject(bucket, "raw/answer", "")),
      s3Code,
    ),
    answer(openSession(all.postgresql, session).then(closeSession), sqlState),
    answer(
      qdrantClient(all, credentials.qdrant_api_key, all.qdrant.tenantUrl).then((client) => client.count(collection)),
      httpStatus,
    ),
    answer(
      withRedis(all, (client) => client.set(`${keyPrefix}answer`, "1"), as),
      (error) => /WRONGPASS/.exec((error as Error).message)?.[0],
    ),
  ]);
  return { minio, postgresql, qdrant, redis };
}
