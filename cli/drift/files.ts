// Files in a tenant's secrets folder that this program has not put there: the credentials in the clear, for one.
import { readdir } from "node:fs/promises";
import { basename, join } from "node:path";
import type { TenantNames } from "../../components/names.ts";
import { secretFiles } from "../../providers/clients/secrets-dir.ts";
import type { Difference } from "./difference.ts";

export async function foreignFiles({ id }: TenantNames): Promise<Difference[]> {
  const { folder, ...files } = secretFiles(id);
  const own = new Set(Object.values(files).map((file) => basename(file)));
  const found = await readdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return [];
    throw error;
  });
  // What a killed run was about to rename: the next one removes it, or a deletion does.
  const foreign = found.filter((name) => !own.has(name) && !name.endsWith(".new"));
  return foreign.map((name) => ({
    place: "files",
    resource: join(folder, name),
    kind: "foreign",
    what: "is no file of ours",
    help: `look whose it is; when it holds secrets: shred -u ${join(folder, name)}`,
  }));
}
