// An application of a tenant at work in all four stores. It reads its credentials when it starts, and again when a server refuses
// them or ends its session; what it was doing it then does again. Everything else that goes wrong is a failure.
import { setTimeout } from "node:timers/promises";
import pg from "pg";
import { tenantNames } from "../../components/names.ts";
import { readCredentials, type Credentials } from "../../providers/clients/credentials.ts";
import { minioClient, s3Code } from "../../providers/clients/minio.ts";
import { sqlState, sslOptions } from "../../providers/clients/postgresql.ts";
import { httpStatus, qdrantClient } from "../../providers/clients/qdrant.ts";
import { openRedis, type RedisConnection } from "../../providers/clients/redis.ts";
import { servers } from "../../providers/clients/servers.ts";

/** One kind of work. */
interface Job {
  /** Does it once, with these credentials. */
  readonly once: (credentials: Credentials, round: number) => Promise<unknown>;
  /** Whether the error says that the credentials are refused, or that the session was ended. */
  readonly isRefusal: (error: unknown) => boolean;
  /** Ends what `once` keeps open. */
  readonly close?: () => Promise<unknown>;
}

/** What became of one kind of work. */
export interface Done {
  operations: number;
  /** How often the credentials were read again. */
  rereads: number;
  /** The most attempts that one operation took. */
  attempts: number;
  readonly failures: string[];
}

/** Attempts of one operation: the first, and one after each time the credentials were read again. */
const limit = 3;

function s3(id: string): Job {
  const { bucket } = tenantNames(id);
  return {
    async once({ minio_access_key: user, minio_secret_key: password }, round) {
      const client = await minioClient(servers(), { user, password });
      const object = `raw/rotation-${round % 50}`;
      await client.putObject(bucket, object, `round ${round}`);
      (await client.getObject(bucket, object)).resume();
    },
    isRefusal: (error) => /^(AccessDenied|InvalidAccessKeyId|SignatureDoesNotMatch)$/.test(s3Code(error) ?? ""),
  };
}

/** Transactions on a pool, as applications have one. `length`: milliseconds that each stays open. */
function sql(id: string, length: number): Job {
  const { database, role } = tenantNames(id);
  let pool: pg.Pool | undefined;
  let password = "";
  return {
    async once(credentials, round) {
      if (pool === undefined || credentials.postgres_password !== password) {
        await pool?.end();
        password = credentials.postgres_password;
        const { host, port, ...tls } = servers().postgresql;
        pool = new pg.Pool({ host, port, database, user: role, password, max: 2, ssl: sslOptions(tls) });
        pool.on("error", () => undefined); // A session that was ended while nobody used it: the pool opens another.
      }
      const client = await pool.connect();
      client.on("error", () => undefined);
      let ended: Error | undefined;
      try {
        await client.query("BEGIN");
        await client.query("INSERT INTO rotation (round) VALUES ($1)", [round]);
        if (length > 0) await setTimeout(length);
        await client.query("COMMIT");
      } catch (error) {
        ended = error as Error;
        throw error;
      } finally {
        client.removeAllListeners("error");
        client.release(ended);
      }
    },
    isRefusal: (error) =>
      /^(28P01|28000|57P01)$/.test(sqlState(error) ?? "") ||
      // The driver's words for a session that ended before, or during, the query.
      /Connection terminated|connection error and is not queryable/.test((error as Error).message),
    close: async () => pool?.end(),
  };
}

function vectors(id: string): Job {
  const { collection } = tenantNames(id);
  return {
    async once({ qdrant_api_key: token }, round) {
      const all = servers();
      const client = await qdrantClient(all, token, all.qdrant.tenantUrl);
      const point = { id: (round % 50) + 1, vector: [round, 1, 2, 3] };
      await client.upsert(collection, { wait: true, points: [point] });
      const found = await client.retrieve(collection, { ids: [point.id] });
      if (found.length !== 1) throw new Error("the point that was written is not there");
    },
    isRefusal: (error) => [401, 403].includes(httpStatus(error) ?? 0),
  };
}

function values(id: string): Job {
  const { keyPrefix, redisUser: user } = tenantNames(id);
  let connection: RedisConnection | undefined;
  let password = "";
  return {
    async once({ redis_password: current }, round) {
      if (connection?.client.status !== "ready" || current !== password) {
        connection?.close();
        connection = await openRedis(servers(), servers().redis.addresses[0], { user, password: current });
        password = current;
      }
      const key = `${keyPrefix}rotation`;
      await connection.client.set(key, String(round));
      if ((await connection.client.get(key)) !== String(round)) throw new Error("the value is not the one written");
    },
    isRefusal: (error) => /WRONGPASS|NOAUTH|Connection is closed|ended|Stream/.test((error as Error).message),
    close: async () => void connection?.close(),
  };
}

/** The application of tenant `id`. */
export class Application {
  readonly done: Record<string, Done> = {};
  readonly #id: string;
  readonly #jobs: Readonly<Record<string, Job>>;
  #running = true;
  #loops: Promise<unknown> = Promise.resolve();

  constructor(id: string) {
    this.#id = id;
    this.#jobs = {
      minio: s3(id),
      postgresql: sql(id, 0),
      "postgresql, long transactions": sql(id, 400),
      qdrant: vectors(id),
      redis: values(id),
    };
  }

  /** Starts all work, and waits until each kind was done once. */
  async start(): Promise<void> {
    const { database, role } = tenantNames(this.#id);
    const { postgres_password: password } = await readCredentials(this.#id);
    const { host, port, ...tls } = servers().postgresql;
    const client = new pg.Client({ host, port, database, user: role, password, ssl: sslOptions(tls) });
    await client.connect();
    await client.query("CREATE TABLE IF NOT EXISTS rotation (round int)");
    await client.end();
    this.#loops = Promise.all(Object.entries(this.#jobs).map(([name, job]) => this.#repeat(name, job)));
    await this.more();
  }

  /** Waits until each kind of work was done `count` times more. */
  async more(count = 3): Promise<void> {
    const before = Object.fromEntries(Object.keys(this.#jobs).map((name) => [name, this.done[name]?.operations ?? 0]));
    while (Object.entries(before).some(([name, old]) => (this.done[name]?.operations ?? 0) < old + count)) {
      if (Object.values(this.done).some(({ failures }) => failures.length > 0)) return;
      await setTimeout(20);
    }
  }

  /** Ends all work. */
  async stop(): Promise<Record<string, Done>> {
    this.#running = false;
    await this.#loops;
    for (const { close } of Object.values(this.#jobs)) await close?.();
    return this.done;
  }

  async #repeat(name: string, job: Job): Promise<void> {
    const done: Done = (this.done[name] = { operations: 0, rereads: 0, attempts: 0, failures: [] });
    let credentials = await readCredentials(this.#id);
    for (let round = 0, attempt = 1; this.#running || attempt > 1; await setTimeout(5)) {
      done.attempts = Math.max(done.attempts, attempt);
      try {
        await job.once(credentials, round);
        done.operations += 1;
        round += 1;
        attempt = 1;
      } catch (error) {
        if (!job.isRefusal(error) || attempt === limit) {
          done.failures.push(`${(error as Error).message} (attempt ${attempt})`);
          return;
        }
        attempt += 1;
        done.rereads += 1;
        credentials = await readCredentials(this.#id);
      }
    }
  }
}
