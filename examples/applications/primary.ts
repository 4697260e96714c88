import { Client } from "pg";

const { PGHOST = "", PGPORT = "5432" } = process.env;

/** A connection to whichever server of `PGHOST=one,two` accepts writes now. After an error, connect again. */
export async function connectToPrimary(): Promise<Client> {
  const ports = PGPORT.split(",");
  const failures: unknown[] = [];
  for (const [index, host] of PGHOST.split(",").entries()) {
    const client = new Client({ host, port: Number(ports[index] ?? ports[0]), connectionTimeoutMillis: 5000 });
    client.on("error", (error) => console.error(error.message));
    try {
      await client.connect();
      const { rows } = await client.query<{ standby: boolean }>("SELECT pg_is_in_recovery() AS standby");
      if (rows[0]?.standby === false) return client;
    } catch (error) {
      failures.push(error);
    }
    await client.end();
  }
  throw new AggregateError(failures, "no PostgreSQL server accepts writes");
}
