// A backend in a bucket with S3's protocol, cleaned with the same URL and the same credentials that pulumi has for it.
import { Client } from "minio";
import { s3Code } from "../../providers/clients/minio.ts";
import { readAuthority, trusting } from "../../providers/clients/tls.ts";

/** What became of the objects. */
export interface Cleaned {
  /** How many objects, with all their versions. */
  readonly removed: number;
  /** What may still be there, and why; null: nothing. */
  readonly left: string | null;
}

interface Version {
  readonly name: string;
  readonly versionId?: string;
}

/** Where a backend's objects are. */
interface Bucket {
  readonly client: Client;
  readonly name: string;
  /** `s3://BUCKET/PREFIX/`, for people. */
  readonly shown: string;
  /** Empty, or with a slash at its end. */
  readonly prefix: string;
}

/** Removes every object, in every version, whose name begins so. Never throws: what could not be removed is named. */
export async function removeFromBucket(
  url: string,
  beginnings: readonly string[],
  env: NodeJS.ProcessEnv = process.env,
): Promise<Cleaned> {
  const shown = placeOf(url).shown;
  const everything = beginnings.map((one) => `${shown}${one}*`).join(" and ");
  try {
    const bucket = open(url, env);
    const removed = new Set<string>();
    const left: string[] = [];
    for (const beginning of beginnings) {
      const start = bucket.prefix + beginning;
      const versions = await versionsIn(bucket, start);
      const refused = await remove(bucket, versions);
      const kept = new Set(refused.length === 0 ? [] : (await versionsIn(bucket, start)).map(({ name }) => name));
      for (const { name } of versions) if (!kept.has(name)) removed.add(name);
      if (refused.length > 0) left.push(`${shown}${beginning}*, every version (${refused.join(", ")})`);
    }
    return { removed: removed.size, left: left.length === 0 ? null : left.join("; ") };
  } catch (error) {
    const reason = [s3Code(error), (error as Error).message].filter(Boolean).join(": ");
    return { removed: 0, left: `every version of ${everything} (${reason})` };
  }
}

function placeOf(url: string): Pick<Bucket, "name" | "prefix" | "shown"> {
  const { hostname: name, pathname } = new URL(url);
  const path = pathname.replace(/^\/+|\/+$/g, "");
  const prefix = path === "" ? "" : `${path}/`;
  return { name, prefix, shown: `s3://${name}/${prefix}` };
}

/** @throws Error when the credentials, or the server, are said in a way that only pulumi understands */
function open(url: string, env: NodeJS.ProcessEnv): Bucket {
  const query = new URL(url).searchParams;
  const flag = (name: string): boolean => ["1", "t", "true"].includes((query.get(name) ?? "").toLowerCase());
  const [accessKey, secretKey] = [env["AWS_ACCESS_KEY_ID"], env["AWS_SECRET_ACCESS_KEY"]];
  if (!accessKey || !secretKey || query.has("profile") || query.has("role")) {
    throw new Error("only pulumi knows its credentials: they are not AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY");
  }
  const said = query.get("endpoint") || env["AWS_ENDPOINT_URL_S3"] || env["AWS_ENDPOINT_URL"] || "s3.amazonaws.com";
  const insecure = flag("disableSSL") || flag("disable_https");
  const endpoint = new URL(said.includes("://") ? said : `${insecure ? "http" : "https"}://${said}`);
  const region = query.get("region") || env["AWS_REGION"] || env["AWS_DEFAULT_REGION"];
  const token = env["AWS_SESSION_TOKEN"];
  const client = new Client({
    endPoint: endpoint.hostname.replace(/^\[|\]$/g, ""),
    useSSL: endpoint.protocol === "https:",
    accessKey,
    secretKey,
    pathStyle: flag("s3ForcePathStyle") || flag("use_path_style"),
    ...(endpoint.port === "" ? {} : { port: Number(endpoint.port) }),
    ...(region ? { region } : {}),
    ...(token ? { sessionToken: token } : {}),
  });
  const authority = env["AWS_CA_BUNDLE"];
  if (authority) client.setRequestOptions(trusting(readAuthority("AWS_CA_BUNDLE", authority)));
  return { client, ...placeOf(url) };
}

/** Delete markers too: they are versions. */
async function versionsIn({ client, name: bucket }: Bucket, start: string): Promise<Version[]> {
  const items = client.listObjects(bucket, start, true, { IncludeVersion: true });
  const found: Version[] = [];
  for await (const { name, versionId } of items as AsyncIterable<{ name?: string; versionId?: string | null }>) {
    if (name !== undefined) found.push({ name, ...(versionId ? { versionId: String(versionId) } : {}) });
  }
  return found;
}

/** Returns the server's reasons for what it refused: an object lock, for one. */
async function remove({ client, name: bucket }: Bucket, versions: readonly Version[]): Promise<string[]> {
  if (versions.length === 0) return [];
  const answers = await client.removeObjects(bucket, [...versions]);
  // Its types say { Error: { Code } }; it returns { Code }.
  const codes = answers.map((answer) => (answer as { readonly Code?: string } | null | undefined)?.Code ?? "unknown");
  return [...new Set(codes)];
}
