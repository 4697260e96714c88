// Every server that PGHOST names: a primary and its standbys. Replication brings databases, roles and rights to a standby; its
// pg_hba.conf, its settings and the sessions that are open there are its own, so that every server has to be asked and told.
import { setTimeout } from "node:timers/promises";
import type { Client } from "pg";
import { Problem } from "../../errors/problem.ts";
import { onEvery } from "./every-node.ts";
import { adminClient, closeSession, connectNode, nodesOf, reasonOf, requirePrimary, stateOf } from "./postgresql.ts";
import { postgresqlAddress, type PostgresqlAddress } from "./postgresql-list.ts";
import { servers, type Servers } from "./servers.ts";

/** A server with a connection of the administrator. */
export interface PostgresqlNode extends PostgresqlAddress {
  /** `127.0.0.1:5432 (standby)` */
  readonly name: string;
  readonly standby: boolean;
  readonly client: Client;
}

/** The primary first. */
export type PostgresqlNodes = readonly [PostgresqlNode, ...PostgresqlNode[]];

/**
 * Runs `work` with a connection to every server, and closes them.
 * @throws Problem naming every server that does not answer, or saying that not exactly one accepts writes: then nothing was done on any
 */
export async function withEveryNode<T>(
  work: (nodes: PostgresqlNodes) => Promise<T>,
  all: Pick<Servers, "postgresql"> = servers(),
): Promise<T> {
  const addresses = nodesOf(all);
  const opened = await Promise.allSettled(
    addresses.length === 1
      ? [adminClient(all)]
      : addresses.map(async (address) => (await connectNode(all, address)).client),
  );
  const clients = opened.flatMap((one) => (one.status === "fulfilled" ? [one.value] : []));
  try {
    return await work(addresses.length === 1 ? onlyNode(addresses, opened) : await nodesFrom(addresses, opened));
  } finally {
    await Promise.all(clients.map(closeSession));
  }
}

function onlyNode(
  [address]: readonly PostgresqlAddress[],
  [opened]: readonly PromiseSettledResult<Client>[],
): PostgresqlNodes {
  if (opened?.status === "rejected") throw opened.reason;
  const { value: client } = opened as PromiseFulfilledResult<Client>;
  const { host, port } = address as PostgresqlAddress;
  return [{ host, port, name: postgresqlAddress({ host, port }), standby: false, client }];
}

async function nodesFrom(
  addresses: readonly PostgresqlAddress[],
  opened: readonly PromiseSettledResult<Client>[],
): Promise<PostgresqlNodes> {
  const states = await Promise.all(
    addresses.map(async (address, index) => {
      const one = opened[index];
      return one?.status === "fulfilled"
        ? stateOf(one.value, address)
        : { address, reason: `cannot be used (${reasonOf(one?.reason)})` };
    }),
  );
  const primary = requirePrimary(states);
  const silent = states.flatMap((one) => ("reason" in one ? [`${postgresqlAddress(one.address)} ${one.reason}`] : []));
  if (silent.length > 0) {
    throw new Problem(
      "server-unreachable",
      `${silent.length} of ${addresses.length} PostgreSQL servers cannot be used, and nothing was changed on any: ` +
        `${silent.join("; ")}. pg_hba.conf and open sessions are each server's own: start it and run this again, or take a ` +
        `server that is gone for good out of PGHOST`,
    );
  }
  const nodes = addresses.map((address, index): PostgresqlNode => {
    const standby = address !== primary;
    const client = (opened[index] as PromiseFulfilledResult<Client>).value;
    return { ...address, name: `${postgresqlAddress(address)} (${standby ? "standby" : "primary"})`, standby, client };
  });
  return nodes.toSorted((one, other) => Number(one.standby) - Number(other.standby)) as unknown as PostgresqlNodes;
}

/** Does the same on every server at once. @throws Error with the reason of each on which it failed */
export const onEveryServer = <T>(
  nodes: readonly PostgresqlNode[],
  work: (node: PostgresqlNode, index: number) => Promise<T>,
): Promise<T[]> => onEvery("PostgreSQL", nodes, work);

/** Milliseconds a standby may lag. A query there may hold it up for `max_standby_streaming_delay`, 30 s by default. */
const patience = 60_000;

/**
 * Waits until every standby has what the primary has committed.
 * @throws Error naming a standby that has not in time
 */
export async function replayed([primary, ...standbys]: PostgresqlNodes): Promise<void> {
  if (standbys.length === 0) return;
  const { rows } = await primary.client.query<{ at: string }>("SELECT pg_current_wal_flush_lsn()::text AS at");
  await onEveryServer(standbys, async ({ client }) => {
    for (const deadline = Date.now() + patience; ; await setTimeout(20)) {
      const found = await client.query<{ there: boolean | null }>(
        "SELECT pg_last_wal_replay_lsn() >= $1::pg_lsn OR NOT pg_is_in_recovery() AS there",
        [rows[0]?.at],
      );
      if (found.rows[0]?.there === true) return;
      if (Date.now() < deadline) continue;
      throw new Error(
        `the standby has not caught up with ${primary.name} within ${patience / 1000} s. See why: psql -c "SELECT * FROM ` +
          `pg_stat_replication" on the primary, and the standby's log. Then run it again`,
      );
    }
  });
}
