// What there is of a tenant, to the last password: what a killed run leaves behind shows as one too many.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { tenantNames } from "../../components/names.ts";
import { withRedis } from "../../providers/clients/redis.ts";
import { servers } from "../../providers/clients/servers.ts";
import { askAll } from "../../providers/clients/traces.ts";
import { backendFolder, checkoutFolder, pulumi, secretsFolder } from "./world.ts";

/** Things by the place they are in. */
export type Holdings = Readonly<Record<string, readonly string[]>>;

/** More rotations than any test makes: a user of any of them would be found. */
const rotations = 5;

/** Everything that servers and disk hold of a tenant, but its data. */
export async function holdings(id: string): Promise<Holdings> {
  const names = tenantNames(id);
  const answers = await askAll(names, servers(), { keys: false, minioRotations: rotations });
  const user = (await withRedis(servers(), (client) => client.call("ACL", "GETUSER", names.redisUser))) as
    unknown[] | null;
  const passwords = user?.[user.indexOf("passwords") + 1] as string[] | undefined;
  return {
    ...Object.fromEntries(answers.map(({ place, found }) => [place, found])),
    files: existsSync(secretsFolder(id)) ? readdirSync(secretsFolder(id)).sort() : [],
    passwords: [`${passwords?.length ?? 0} of Redis`],
    stacks: readdirSync(join(checkoutFolder, "stacks")).filter((name) => name.startsWith(`Pulumi.${id}.`)),
  };
}

/**
 * What a tenant that is well holds.
 * @param rotation how often its MinIO user was rotated
 */
export function whole(id: string, rotation = 0): Holdings {
  const { bucket, collection, database, minioUser, minioPolicy, redisUser, role } = tenantNames(id);
  const user = rotation === 0 ? minioUser : `${minioUser}-${rotation}`;
  return {
    files: ["key.age", "key.pub", "secrets.enc.yaml"],
    minio: [`bucket ${bucket}`, `user ${user}`, `policy ${minioPolicy}`],
    // Its network, and the two of where verification runs.
    postgresql: [`database ${database}`, `role ${role}`, "3 lines of pg_hba.conf"],
    qdrant: [`collection ${collection}`, "1 valid tokens"],
    redis: [`user ${redisUser}`],
    passwords: ["1 of Redis"],
    stacks: [`Pulumi.${id}.yaml`],
  };
}

/** What was begun and not ended: in the state, its lock, records of runs. Nothing: an empty list. */
export async function unfinished(id: string): Promise<string[]> {
  const { stdout } = await pulumi(["stack", "export", "--stack", id]);
  const { deployment } = JSON.parse(stdout) as {
    deployment: {
      pending_operations?: { type: string; resource: { urn: string } }[];
      resources?: { urn: string; delete?: boolean }[];
    };
  };
  const pending = (deployment.pending_operations ?? []).map(({ type, resource }) => `${type} ${resource.urn}`);
  const ending = (deployment.resources ?? []).filter((one) => one.delete === true).map(({ urn }) => `deleting ${urn}`);
  return [...pending, ...ending, ...abandoned(id)];
}

/** Locks of its stack, and records of runs on it: nobody runs now. */
export function abandoned(id: string): string[] {
  const namesIn = (folder: string): string[] => (existsSync(folder) ? readdirSync(folder) : []);
  const locks = namesIn(join(backendFolder, "locks", "organization", "tenant-storage", id));
  const runs = join(checkoutFolder, ".local", "runs");
  const own = namesIn(runs).filter((name) => readFileSync(join(runs, name), "utf8").includes(`"${id}"`));
  return [...locks.map((name) => `lock ${name}`), ...own.map((name) => `run ${name}`)];
}

/** Files of Pulumi's backend and of the checkout that have the tenant's name: history, backups, locks, settings. */
export function filesNamed(id: string): string[] {
  return [backendFolder, join(checkoutFolder, "stacks")].flatMap((folder) =>
    readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((path) => path.split(/[/.]/).includes(id)),
  );
}
