// What Pulumi's backend keeps of a stack that was removed: `pulumi stack rm` takes the state and the history, and leaves the backups,
// each a whole state with the tenant's secrets, encrypted with the passphrase.
import { readdir, rm } from "node:fs/promises";
import { homedir } from "node:os";
import { join, resolve } from "node:path";
import { root } from "../../toolchain/paths.ts";
import { runPulumi } from "./command.ts";

/** The project's name in Pulumi.yaml. */
const project = "tenant-storage";

/** What became of it. */
export interface StateFiles {
  /** Without credentials. */
  readonly backend: string;
  /** How many files were removed. */
  readonly removed: number;
  /** What is still there, and whose it is to remove; null: nothing. */
  readonly left: string | null;
}

/** Removes what the backend kept of a stack that is gone, where it can. Safe to repeat. */
export async function removeStateFiles(stack: string): Promise<StateFiles> {
  const backend = withoutCredentials(process.env["PULUMI_BACKEND_URL"] || (await loggedInTo()));
  const folder = localFolder(backend);
  if (folder === undefined) return { backend, removed: 0, left: whatStays(backend, stack) };
  const stacks = join(folder, "stacks", project);
  const own = (name: string) => name.startsWith(`${stack}.json`);
  const files = (await readdir(stacks).catch(none)).filter(own).map((name) => join(stacks, name));
  const folders = ["backups", "history"].map((kind) => join(folder, kind, project, stack));
  folders.push(join(folder, "locks", "organization", project, stack));
  const inFolders = await Promise.all(folders.map(async (one) => (await readdir(one).catch(none)).length));
  for (const one of [...files, ...folders]) await rm(one, { recursive: true, force: true });
  return { backend, removed: files.length + inFolders.reduce((sum, count) => sum + count, 0), left: null };
}

async function loggedInTo(): Promise<string> {
  const { stdout } = await runPulumi(["whoami", "--json"]);
  return (JSON.parse(stdout) as { url?: string }).url ?? "unknown";
}

function withoutCredentials(url: string): string {
  return url.replace(/(?<=:\/\/)[^/@]*@/, "");
}

/** `.pulumi` of a backend of files; undefined: it is another kind. */
function localFolder(url: string): string | undefined {
  if (!url.startsWith("file://")) return undefined;
  const path = decodeURIComponent(url.slice("file://".length).split("?")[0] ?? "");
  return resolve(root, path.replace(/^~(?=\/|$)/, homedir()), ".pulumi");
}

function whatStays(backend: string, stack: string): string {
  if (!/^(s3|gs|azblob):/.test(backend)) return `what ${backend} keeps of stacks that were removed`;
  const [bucket] = backend.split("?");
  return `${bucket}/.pulumi/backups/${project}/${stack}/ and ${bucket}/.pulumi/stacks/${project}/${stack}.json.bak, with every version`;
}

const none = (error: NodeJS.ErrnoException): string[] => {
  if (error.code === "ENOENT") return [];
  throw error;
};
