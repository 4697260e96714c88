// PostgreSQL as a primary and its standby, by streaming replication. Which of the two servers is the primary is nowhere configured:
// their data say it, so that it stays what a failover made of it.
import { randomBytes } from "node:crypto";
import { existsSync, readdirSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { Problem } from "../errors/problem.ts";
import { scramVerifier } from "../providers/clients/scram.ts";
import { runAs } from "./account.ts";
import { writePrivate } from "./files.ts";
import { asked, dataIn, initialise, makeFolder, type Place, postgresql, prepare } from "./postgresql.ts";
import { pairSettings, passwordFile, replicationUser, withReplication } from "./postgresql-config.ts";
import { cleanEnvironment, run } from "./programs.ts";
import { nodePorts, type Ports } from "./settings.ts";
import type { Site, Store } from "./store.ts";

const names = ["postgresql", "postgresql-2"] as const;
type Name = (typeof names)[number];

const otherThan = (name: Name): Name => (name === "postgresql" ? "postgresql-2" : "postgresql");
const numberOf = (name: Name): number => names.indexOf(name) + 1;
const dataOf = (dir: string, name: Name): string => dataIn(join(dir, name));
const isMade = (dir: string, name: Name): boolean => existsSync(join(dataOf(dir, name), "PG_VERSION"));
const isStandby = (dir: string, name: Name): boolean => existsSync(join(dataOf(dir, name), "standby.signal"));

/** How often its data were promoted; a file of the promotion is there before the first write after it. */
function promotions(dir: string, name: Name): number {
  const files = readdirSync(join(dataOf(dir, name), "pg_wal"));
  return Math.max(
    0,
    ...files.flatMap((file) => /^([0-9A-F]{8})\.history$/.exec(file)?.[1] ?? []).map((hex) => parseInt(hex, 16)),
  );
}

/** The server that the other one follows: of two that followed nobody, the one that was promoted last. */
function primaryOf(dir: string): Name {
  const made = names.filter((name) => isMade(dir, name));
  const leading = made.filter((name) => !isStandby(dir, name));
  const [first = made[0] ?? "postgresql", second] = leading;
  return second !== undefined && promotions(dir, second) > promotions(dir, first) ? second : first;
}

/** The same server with its own port where everything else finds the one server's. */
const at = (site: Site, name: Name): Site => ({
  ...site,
  ports: { ...site.ports, postgresql: nodePorts.postgresql(site.ports, numberOf(name)) },
});
const slotOf = (name: Name): string => name.replace("-", "_");

function node(name: Name): Store {
  const own = (ports: Ports): number => nodePorts.postgresql(ports, numberOf(name));
  return {
    ...postgresql,
    name,
    title: `PostgreSQL node ${numberOf(name)}`,
    folder: (dir) => join(dir, name),
    workingFolder: (dir) => dataOf(dir, name),
    listensOn: (ports) => [own(ports)],
    url: (ports) => `postgresql://127.0.0.1:${own(ports)}`,
    after: (dir) => (primaryOf(dir) === name ? undefined : primaryOf(dir)),
    async prepare(site) {
      const { dir } = site;
      const follows = primaryOf(dir) !== name;
      const other = nodePorts.postgresql(site.ports, numberOf(otherThan(name)));
      if (follows) await prepareToFollow(site, name);
      return prepare(at(site, name), join(dir, name), {
        make: follows ? copy(name, other) : initialise,
        more: pairSettings(other, slotOf(name)),
        rules: withReplication,
      });
    },
    probe: (site) => postgresql.probe(at(site, name)),
  };
}

/** Which is the primary changes with a failover. */
export const postgresqlNodes = { postgresql: node("postgresql"), "postgresql-2": node("postgresql-2") };

/** A former primary that was overtaken has data that no other server has, or will: they go, and the new primary's are copied. */
async function prepareToFollow(site: Site, name: Name): Promise<void> {
  const { dir } = site;
  const overtaken = isMade(dir, name) && !isStandby(dir, name);
  const data = dataOf(dir, name);
  try {
    await letFollow(site, name);
  } catch (cause) {
    // A standby that has been one starts without its primary.
    if (isMade(dir, name) && !overtaken) return;
    throw new Problem(
      "setup-failed",
      `${node(name).title} copies the data of ${node(otherThan(name)).title}, which does not answer: npm run stores -- start --cluster`,
      { cause },
    );
  }
  if (!overtaken) return;
  const aside = join(dir, name, "new-overtaken");
  renameSync(data, aside);
  rmSync(aside, { recursive: true, force: true, maxRetries: 10 });
}

/** Has the primary let it in, with a new password, and keep for it what it has not received. */
async function letFollow(site: Site, name: Name): Promise<void> {
  const password = randomBytes(32).toString("base64url");
  await asked(at(site, otherThan(name)), async (client) => {
    const attributes = `REPLICATION LOGIN CONNECTION LIMIT 4 PASSWORD ${client.escapeLiteral(scramVerifier(replicationUser, password))}`;
    const { rowCount } = await client.query("SELECT FROM pg_roles WHERE rolname = $1", [replicationUser]);
    await client.query(`${rowCount === 0 ? "CREATE" : "ALTER"} ROLE ${replicationUser} ${attributes}`);
    await client.query(
      `SELECT pg_create_physical_replication_slot($1, true)
       WHERE NOT EXISTS (SELECT FROM pg_replication_slots WHERE slot_name = $1)`,
      [slotOf(name)],
    );
  });
  const folder = join(site.dir, name);
  writePrivate(join(folder, passwordFile), `*:*:*:${replicationUser}:${password}\n`, makeFolder(folder));
}

/** Data that are a copy of the primary's, which is at that port, and follow it. */
const copy =
  (name: Name, port: number) =>
  async (_: Site, { folder, made, bin, account }: Place): Promise<void> => {
    const args = [
      ...[`--pgdata=${made}`, "--host=127.0.0.1", `--port=${port}`, `--username=${replicationUser}`, "--no-password"],
      ...[`--slot=${slotOf(name)}`, "--wal-method=stream", "--checkpoint=fast"],
    ];
    const env = { ...cleanEnvironment(folder), PGPASSFILE: join(folder, passwordFile) };
    await run(runAs(account, [folder, bin], join(bin, "pg_basebackup"), args), { env, cwd: folder });
    writePrivate(join(made, "standby.signal"), "", account);
  };
