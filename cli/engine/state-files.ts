// What Pulumi's backend keeps of a stack that was removed: `pulumi stack rm` takes the state and the history, and leaves the backups,
// each a whole state with the tenant's secrets, encrypted with the passphrase.
import { readdir, rm } from "node:fs/promises";
import { homedir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { root } from "../../toolchain/paths.ts";
import { runPulumi } from "./command.ts";
import { forgetDead } from "./runs.ts";

/** The project's name in Pulumi.yaml. */
const project = "tenant-storage";

/** What became of it. */
export interface StateFiles {
  /** Without credentials. */
  readonly backend: string;
  /** How many files, or objects with all their versions, were removed. */
  readonly removed: number;
  /** What is still there, and whose it is to remove; null: nothing. */
  readonly left: string | null;
}

/** How the names of a stack's files begin, below the backend's place. A stack's name holds no dot. */
const beginnings = (stack: string): string[] => [
  `.pulumi/stacks/${project}/${stack}.`,
  `.pulumi/backups/${project}/${stack}/`,
  `.pulumi/history/${project}/${stack}/`,
  `.pulumi/locks/organization/${project}/${stack}/`,
];

/** Removes what the backend kept of a stack that is gone, where it can. Safe to repeat. */
export async function removeStateFiles(stack: string): Promise<StateFiles> {
  forgetDead(stack);
  const url = process.env["PULUMI_BACKEND_URL"] || (await loggedInTo());
  const backend = withoutCredentials(url);
  if (url.startsWith("file://")) return { backend, removed: await removeFiles(folderOf(url), stack), left: null };
  if (!url.startsWith("s3://")) return { backend, removed: 0, left: whatStays(backend, stack) };
  const { removeFromBucket } = await import("./state-bucket.ts");
  return { backend, ...(await removeFromBucket(url, beginnings(stack))) };
}

async function loggedInTo(): Promise<string> {
  const { stdout } = await runPulumi(["whoami", "--json"]);
  return (JSON.parse(stdout) as { url?: string }).url ?? "unknown";
}

function withoutCredentials(url: string): string {
  return url.replace(/(?<=:\/\/)[^/@?]*@/, "");
}

/** Where a backend of files has them. */
function folderOf(url: string): string {
  const path = decodeURIComponent(url.slice("file://".length).split("?")[0] ?? "");
  return resolve(root, path.replace(/^~(?=\/|$)/, homedir()));
}

async function removeFiles(folder: string, stack: string): Promise<number> {
  let removed = 0;
  for (const beginning of beginnings(stack)) {
    const inFolder = beginning.endsWith("/") ? join(folder, beginning) : dirname(join(folder, beginning));
    const names = await readdir(inFolder).catch((error: NodeJS.ErrnoException): string[] => {
      if (error.code === "ENOENT") return [];
      throw error;
    });
    const own = names.filter((name) => join(inFolder, name).startsWith(join(folder, beginning)));
    for (const name of own) await rm(join(inFolder, name), { recursive: true, force: true });
    if (beginning.endsWith("/")) await rm(inFolder, { recursive: true, force: true });
    removed += own.length;
  }
  return removed;
}

function whatStays(backend: string, stack: string): string {
  if (!/^(gs|azblob):/.test(backend)) return `what ${backend} keeps of stacks that were removed`;
  const [bucket] = backend.split("?");
  return `every version of ${beginnings(stack)
    .map((beginning) => `${bucket}/${beginning}*`)
    .join(" and ")}`;
}
