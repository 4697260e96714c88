// What reaches a tenant's data and belongs to no resource of it: an update could not put it back without taking something away
// that may be somebody's. It is reported, with the command that helps.
import type { TenantNames } from "../../components/names.ts";
import { servers } from "../../providers/clients/servers.ts";
import type { Difference } from "./difference.ts";

export async function besides(names: TenantNames): Promise<Difference[]> {
  const [{ foreignFiles }, { foreignLines }, { foreignUsers }] = await Promise.all([
    import("./files.ts"),
    import("./pg-hba.ts"),
    import("./redis.ts"),
  ]);
  const all = servers();
  return (await Promise.all([foreignFiles(names), foreignLines(names, all), foreignUsers(names, all)])).flat();
}
