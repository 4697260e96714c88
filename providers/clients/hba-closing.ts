// How pg_hba.conf ends for tenants: with a line that rejects everybody who has no line of its own, and without a broad one before
// it. Where a tenant's role may ask for any database, the answer says whether that exists.
import type { Client } from "pg";
import { editHba } from "./hba-file.ts";
import { onEveryServer, withEveryNode } from "./postgresql-nodes.ts";

export const closingLine = "host all all all reject";

/** The lines, as the server reads them, that let any role ask for any database over the network. */
async function broadLines(client: Client): Promise<string[]> {
  const { rows } = await client.query<{ line: string }>(
    `SELECT format('line %s: %s %s %s %s %s', line_number, type, array_to_string(database, ','),
                   array_to_string(user_name, ','), concat_ws(' ', address, netmask), auth_method) AS line
     FROM pg_hba_file_rules
     WHERE type <> 'local' AND auth_method <> 'reject'
       AND EXISTS (SELECT FROM unnest(user_name) AS name WHERE name = 'all' OR name ~ '^[+/@]')
       AND EXISTS (SELECT FROM unnest(database) AS name WHERE name IN ('all', 'samerole', 'samegroup') OR name ~ '^[/@]')
     ORDER BY line_number`,
  );
  return rows.map(({ line }) => line);
}

/** True when the file has the closing line, however it is spaced. */
async function isClosed(client: Client): Promise<boolean> {
  const { rowCount } = await client.query(
    `SELECT FROM pg_hba_file_rules WHERE type = 'host' AND auth_method = 'reject' AND address = 'all'
       AND database = '{all}' AND user_name = '{all}'`,
  );
  return (rowCount ?? 0) > 0;
}

/**
 * Ends the file with the closing line where it has none.
 * @throws Error naming the broad lines: whom they are for is the administrator's to say
 */
async function closeHba(client: Client): Promise<void> {
  const broad = await broadLines(client);
  if (broad.length > 0) {
    throw new Error(
      `pg_hba.conf lets every role, also a tenant's, ask for any database (${broad.join("; ")}): name in the line the ` +
        `roles or the databases it is for, then run it again. The file: psql -c "SHOW hba_file"`,
    );
  }
  if (!(await isClosed(client)))
    await editHba(client, (text) => `${text}${/(^|\n)$/.test(text) ? "" : "\n"}${closingLine}\n`);
}

/** Closes the file of every server. @throws Error naming the server, and the broad lines of its file */
export const closeEveryHba = async (): Promise<void> => {
  await withEveryNode((nodes) => onEveryServer(nodes, ({ client }) => closeHba(client)));
};

/** What ends the files: undefined where one is not closed, else the closing line, or the broad lines that make it void. */
export async function closingOfEveryHba(): Promise<string | undefined> {
  return withEveryNode(async (nodes) => {
    const closed = await onEveryServer(nodes, ({ client }) => isClosed(client));
    if (closed.includes(false)) return undefined;
    const broad = await onEveryServer(nodes, async ({ client, name }) => {
      const lines = await broadLines(client);
      return nodes.length === 1 ? lines : lines.map((line) => `${name}, ${line}`);
    });
    return broad.flat().join("\n") || closingLine;
  });
}
