// The connection of a tenant that somebody named on the command line.
import { existsSync } from "node:fs";
import { idProblem } from "../../components/names.ts";
import { secretFiles } from "../../providers/clients/secrets-dir.ts";
import { connection, type Connection } from "../connection.ts";
import { useStackConfig } from "../environment.ts";
import { note } from "../output.ts";
import { isSuspended, unknownTenant } from "../tenants.ts";

/**
 * Decrypts the tenant's credentials, and says so when they open nothing at present.
 * @throws Problem that says which ones are alike when there is no such tenant.
 */
export async function tenantConnection(id: string): Promise<Connection> {
  await useStackConfig(id);
  if (idProblem(id) !== undefined || !existsSync(secretFiles(id).folder)) throw await unknownTenant(id);
  const [found, suspended] = await Promise.all([connection(id), isSuspended(id)]);
  if (suspended) {
    note(`Tenant ${id} is suspended: every store refuses these until it is resumed (npm run tenant -- resume ${id}).`);
  }
  return found;
}
