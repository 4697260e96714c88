// Lines of pg_hba.conf that let somebody else into the tenant's database by its name, or name the tenant's role among others:
// an administrator may have meant them.
import type { TenantNames } from "../../components/names.ts";
import { readEveryHba } from "../../providers/clients/hba-file.ts";
import { linesNaming } from "../../providers/clients/pg-hba.ts";
import type { Servers } from "../../providers/clients/servers.ts";
import type { Difference } from "./difference.ts";

export async function foreignLines({ database, role }: TenantNames, servers: Servers): Promise<Difference[]> {
  const lines = (await readEveryHba(servers)).flatMap(({ where, text }) =>
    linesNaming(text, { database, role }).map((line) => ({ where, line })),
  );
  return lines.map(({ where, line }) => ({
    place: "PostgreSQL",
    resource: `pg_hba.conf${where}, the line "${line}"`,
    kind: "foreign",
    what: `lets somebody in by the tenant's names`,
    help: `when nobody needs it, take it out of the file (psql -c "SHOW hba_file") and reload: psql -c "SELECT pg_reload_conf()"`,
  }));
}
