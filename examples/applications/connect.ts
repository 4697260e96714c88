import { QdrantClient } from "@qdrant/js-client-rest";
import { Redis } from "ioredis";
import { Client as Minio } from "minio";
import { Client as Postgres } from "pg";

const { MINIO_ENDPOINT = "", MINIO_ACCESS_KEY = "", MINIO_SECRET_KEY = "", MINIO_BUCKET = "" } = process.env;
const { QDRANT_URL = "", QDRANT_API_KEY = "", QDRANT_COLLECTION = "" } = process.env;
const { REDIS_URL = "", REDIS_KEY_PREFIX = "" } = process.env;

/** The clients of MinIO and Qdrant want a port of its own. */
const portOf = (url: string) => Number(new URL(url).port || (url.startsWith("https:") ? 443 : 80));

const minio = new Minio({
  endPoint: new URL(MINIO_ENDPOINT).hostname,
  port: portOf(MINIO_ENDPOINT),
  useSSL: MINIO_ENDPOINT.startsWith("https:"),
  accessKey: MINIO_ACCESS_KEY,
  secretKey: MINIO_SECRET_KEY,
  region: "us-east-1",
});
await minio.putObject(MINIO_BUCKET, "raw/hello.txt", "hello");

const postgres = new Postgres(); // It reads PGHOST, PGDATABASE, PGUSER, PGPASSWORD and the others itself.
await postgres.connect();
await postgres.query("CREATE TABLE IF NOT EXISTS hello (said text)");

const qdrant = new QdrantClient({ url: QDRANT_URL, port: portOf(QDRANT_URL), apiKey: QDRANT_API_KEY });
await qdrant.upsert(QDRANT_COLLECTION, { points: [{ id: 1, vector: Array<number>(768).fill(0.5) }] });

const redis = new Redis(REDIS_URL, { enableReadyCheck: false });
await redis.set(`${REDIS_KEY_PREFIX}cache:hello`, "hello", "EX", 60);

console.log("connected to four stores");
redis.disconnect();
await postgres.end();
