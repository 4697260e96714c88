// Reads and replaces pg_hba.conf through the server itself, so that it works for a server on another machine too.
import { setTimeout } from "node:timers/promises";
import type { Client } from "pg";
import { onEveryServer, withEveryNode } from "./postgresql-nodes.ts";
import type { Servers } from "./servers.ts";

/** One writer at a time, across stacks and machines; released by the server when the session ends. */
const editLock = "SELECT pg_advisory_lock(hashtext('tenant-storage pg_hba'))";

/** One character a byte, whatever the file's comments are written in: every byte comes back as it was. */
const encoding = "latin1";

/** The text of the server's pg_hba.conf, one character a byte. */
export async function readHba(client: Client): Promise<string> {
  const query = "SELECT pg_read_binary_file(current_setting('hba_file')) AS content";
  const { rows } = await client.query<{ content: Buffer }>(query);
  return rows[0]?.content.toString(encoding) ?? "";
}

const shellQuote = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`;

/** Writes beside the file and renames, as the server's own user; owner and mode stay. A link stays one, to the file it names. */
async function replaceHba(client: Client, text: string): Promise<void> {
  const { rows } = await client.query<{ file: string }>("SELECT current_setting('hba_file') AS file");
  const program = [
    `file=$(readlink -f ${shellQuote(rows[0]?.file ?? "")})`,
    `cp -p "$file" "$file.new"`,
    `base64 -d > "$file.new"`,
    `sync "$file.new"`,
    `mv -f "$file.new" "$file"`,
  ].join(" && ");
  const content = Buffer.from(text, encoding).toString("base64");
  await client.query(`COPY (SELECT ${client.escapeLiteral(content)}) TO PROGRAM ${client.escapeLiteral(program)}`);
}

/**
 * Puts the file in force and waits until it is: pg_reload_conf() only asks for it. The server tells its sessions, this one
 * among them, before it accepts another connection.
 */
async function reload(client: Client): Promise<void> {
  const loadTime = async () => {
    const { rows } = await client.query<{ at: string }>("SELECT pg_conf_load_time()::text AS at");
    return rows[0]?.at;
  };
  const before = await loadTime();
  await client.query("SELECT pg_reload_conf()");
  const deadline = Date.now() + 10_000;
  while ((await loadTime()) === before) {
    if (Date.now() > deadline) {
      throw new Error(`the server did not reload its configuration within 10 s; its log says why. Then run it again`);
    }
    await setTimeout(2);
  }
}

/**
 * Edits pg_hba.conf under a lock, checks that the server can read every line of it, and puts it in force. An edit that does
 * not parse is undone.
 * @throws Error naming the lines the server refuses.
 */
export async function editHba(client: Client, edit: (text: string) => string): Promise<void> {
  await client.query(editLock);
  try {
    const before = await readHba(client);
    const after = edit(before);
    const errors = async (): Promise<string[]> => {
      const { rows } = await client.query<{ line: number; error: string }>(
        "SELECT line_number AS line, error FROM pg_hba_file_rules WHERE error IS NOT NULL",
      );
      return rows.map(({ line, error }) => `line ${line}: ${error}`);
    };
    if (after !== before) await replaceHba(client, after);
    const found = await errors();
    if (found.length > 0) {
      if (after !== before) await replaceHba(client, before);
      throw new Error(
        `the server cannot read its pg_hba.conf (${found.join("; ")}); the file is as it was before. ` +
          `See them: psql -c "SELECT * FROM pg_hba_file_rules WHERE error IS NOT NULL"`,
      );
    }
    // Also without a change: a run that was interrupted in between has left lines that are not in force yet.
    await reload(client);
  } finally {
    await client.query("SELECT pg_advisory_unlock_all()");
  }
}

/** Edits the file of every server alike. @throws Error as `withEveryNode` does, and naming each server whose file cannot be edited */
export async function editEveryHba(edit: (text: string) => string): Promise<void> {
  await withEveryNode((nodes) => onEveryServer(nodes, ({ client }) => editHba(client, edit)));
}

/** One server's file. */
export interface HbaFile {
  /** Where it is, for messages: ` on 127.0.0.1:5432 (standby)`; empty where there is one server. */
  readonly where: string;
  readonly text: string;
}

/** The file of every server, the primary's first. */
export async function readEveryHba(all?: Pick<Servers, "postgresql">): Promise<readonly [HbaFile, ...HbaFile[]]> {
  const files = await withEveryNode(
    (nodes) =>
      onEveryServer(nodes, async ({ name, client }) => ({
        where: nodes.length === 1 ? "" : ` on ${name}`,
        text: await readHba(client),
      })),
    all,
  );
  return files as unknown as readonly [HbaFile, ...HbaFile[]];
}
