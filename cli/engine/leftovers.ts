// What a killed run leaves in a stack that goes on being used: resources whose creation had begun. Our own providers find them
// and go on; a native one refuses a name that exists, so that what it had made is removed first, unless it holds data.
import { minioClient, s3Code } from "../../providers/clients/minio.ts";
import { sqlState, withAdmin } from "../../providers/clients/postgresql.ts";
import { servers } from "../../providers/clients/servers.ts";
import { runPulumi } from "./command.ts";
import type { Begun } from "./orphans.ts";
import { stateOf } from "./workspace.ts";

/** Resources of the stack that a killed run began to make; none when there is no stack. */
export async function leftoversOf(stack: string): Promise<readonly Begun[]> {
  return stateOf(stack).then(
    ({ pending }) => pending,
    () => [],
  );
}

/** Absent is done; what holds data stays, and the next run says that the name is taken. */
const removals: Readonly<Record<string, (name: string) => Promise<unknown>>> = {
  S3Bucket: async (bucket) =>
    (await minioClient(servers())).removeBucket(bucket).catch((error: unknown) => {
      if (!["NoSuchBucket", "BucketNotEmpty"].includes(s3Code(error) ?? "")) throw error;
    }),
  Database: async (database) => {
    if (!(await isEmpty(database))) return;
    await withAdmin((client) =>
      client.query(`DROP DATABASE IF EXISTS ${client.escapeIdentifier(database)} WITH (FORCE)`),
    );
  },
  Role: async (role) =>
    withAdmin(async (client) => {
      await client.query(`DROP ROLE IF EXISTS ${client.escapeIdentifier(role)}`).catch((error: unknown) => {
        if (sqlState(error) !== "2BP01") throw error; // It owns something.
      });
    }),
};

async function isEmpty(database: string): Promise<boolean> {
  try {
    return await withAdmin(async (client) => {
      const { rows } = await client.query(
        `SELECT FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
         WHERE n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast') LIMIT 1`,
      );
      return rows.length === 0;
    }, database);
  } catch (error) {
    if (sqlState(error) === "3D000") return true; // There is none.
    throw error;
  }
}

/** Removes of these what would be in the way of the next run, the latest first. */
export async function removeLeftovers(begun: readonly Begun[]): Promise<void> {
  for (const { type, inputs } of begun.toReversed()) {
    const name = inputs["bucket"] ?? inputs["name"];
    if (!type.includes("dynamic/") && typeof name === "string") await removals[type.split(":").at(-1) ?? ""]?.(name);
  }
}

/** Lets the state forget them: a run that succeeded has made them. One resource is asked for, the engine wants some refresh. */
export async function forgetLeftovers(stack: string): Promise<void> {
  const { resources } = await stateOf(stack);
  const one = resources.find(({ type }) => type.endsWith(":Reservation"));
  const target = one === undefined ? [] : ["--target", one.urn];
  await runPulumi(["refresh", "--stack", stack, "--yes", "--skip-preview", "--clear-pending-creates", ...target]);
}
