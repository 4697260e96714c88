// Where an export lies: a folder, or a bucket with S3's protocol. Nothing in it is ever overwritten.
import { constants, createReadStream } from "node:fs";
import { open, readdir, rm, stat } from "node:fs/promises";
import { join, resolve } from "node:path";
import { makePrivate } from "../../providers/clients/private-folder.ts";
import { Problem } from "../errors.ts";
import type { Bytes } from "./streams.ts";

export interface Place {
  /** As it was given, for messages. No credential is in it. */
  readonly name: string;
  /** Bytes by file name; none when there is nothing yet. */
  readonly list: () => Promise<ReadonlyMap<string, number>>;
  /** Writes a new file, whole and on the disk when it returns. @throws when there is one of that name. */
  readonly write: (file: string, content: Bytes) => Promise<void>;
  readonly read: (file: string) => Promise<Bytes>;
  readonly remove: (file: string) => Promise<void>;
}

/**
 * The place at `FOLDER` or `s3://BUCKET/PREFIX`.
 * @throws Problem when it is neither.
 */
export async function placeAt(where: string): Promise<Place> {
  if (/^[a-z][a-z0-9+.-]+:\/\//i.test(where)) {
    if (!where.startsWith("s3://")) {
      throw new Problem("export-place", `${where}: exports go to a folder or to s3://BUCKET/PREFIX`);
    }
    const { s3Place } = await import("./s3-place.ts");
    return s3Place(where);
  }
  if (where === "") throw new Problem("export-place", "No place was named: give a folder or s3://BUCKET/PREFIX");
  // npm starts its scripts in the checkout, wherever it was called.
  return folderPlace(resolve(process.env["INIT_CWD"] ?? ".", where));
}

function folderPlace(folder: string): Place {
  return {
    name: folder,
    async list() {
      const names = await readdir(folder).catch((error: NodeJS.ErrnoException) => {
        if (error.code === "ENOENT") return [];
        throw new Problem("export-place", `${folder} cannot be read: ${error.message}`, { cause: error });
      });
      return new Map(
        await Promise.all(names.map(async (name) => [name, (await stat(join(folder, name))).size] as const)),
      );
    },
    async write(file, content) {
      await makePrivate(folder);
      const handle = await open(join(folder, file), "wx", 0o600);
      try {
        for await (const piece of content) await handle.writeFile(piece);
        await handle.sync();
      } finally {
        await handle.close();
      }
      const above = await open(folder, constants.O_RDONLY);
      await above.sync().finally(() => above.close());
    },
    read: async (file) => {
      const path = join(folder, file);
      await stat(path);
      return createReadStream(path, { highWaterMark: 1 << 18 });
    },
    remove: (file) => rm(join(folder, file), { force: true }),
  };
}
