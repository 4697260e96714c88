// A bucket with S3's protocol as the place of an export, with credentials of its own: never a tenant's nor the stores' administrator's.
import { Client } from "minio";
import { s3Code } from "../../providers/clients/minio.ts";
import { readAuthority, trusting } from "../../providers/clients/tls.ts";
import { Problem } from "../errors.ts";
import type { Place } from "./place.ts";
import { upload } from "./upload.ts";

const variables = ["EXPORT_S3_ENDPOINT", "EXPORT_S3_ACCESS_KEY", "EXPORT_S3_SECRET_KEY"] as const;

function client(env: NodeJS.ProcessEnv): Client {
  const problems = variables.filter((name) => !env[name]).map((name) => `${name} is not set`);
  const [endpoint = "", accessKey = "", secretKey = ""] = variables.map((name) => env[name] ?? "");
  const url = URL.canParse(endpoint) ? new URL(endpoint) : undefined;
  if (endpoint !== "" && !["http:", "https:"].includes(url?.protocol ?? "")) {
    problems.push("EXPORT_S3_ENDPOINT is no URL, such as https://s3.example:9000");
  }
  if (problems.length > 0 || url === undefined) {
    throw new Problem(
      "export-place",
      `An export in a bucket needs credentials of its own:\n${problems.map((one) => `  - ${one}`).join("\n")}`,
    );
  }
  const made = new Client({
    endPoint: url.hostname.replace(/^\[|\]$/g, ""),
    useSSL: url.protocol === "https:",
    region: env["EXPORT_S3_REGION"] || "us-east-1",
    accessKey,
    secretKey,
    ...(url.port === "" ? {} : { port: Number(url.port) }),
  });
  const caFile = env["EXPORT_S3_CA_FILE"];
  if (caFile) made.setRequestOptions(trusting(readAuthority("EXPORT_S3_CA_FILE", caFile)));
  return made;
}

/** The place at `s3://BUCKET/PREFIX`. @throws Problem listing every variable that is missing. */
export function s3Place(where: string, env: NodeJS.ProcessEnv = process.env): Place {
  const [, bucket = "", rest = ""] = /^s3:\/\/([^/]+)\/*(.*)$/.exec(where) ?? [];
  if (!/^[a-z0-9][a-z0-9.-]{2,62}$/.test(bucket))
    throw new Problem("export-place", `${where} names no bucket: s3://BUCKET/PREFIX`);
  const prefix = rest === "" || rest.endsWith("/") ? rest : `${rest}/`;
  const s3 = client(env);
  const failed = (what: string) => (cause: unknown) => {
    const reason = [s3Code(cause), (cause as Error).message].filter(Boolean).join(": ");
    throw new Problem("export-place", `${where}: ${what}: ${reason}`, { cause });
  };
  return {
    name: where,
    async list() {
      const found = new Map<string, number>();
      const items = s3.listObjectsV2(bucket, prefix, true) as AsyncIterable<{ name?: string; size: number }>;
      try {
        for await (const { name = "", size } of items) found.set(name.slice(prefix.length), size);
      } catch (cause) {
        failed("cannot be listed")(cause);
      }
      return found;
    },
    async write(file, content) {
      const taken = await s3.statObject(bucket, prefix + file).then(
        () => true,
        (error: unknown) => (s3Code(error) === "NotFound" ? false : failed("cannot be written")(error)),
      );
      if (taken) throw new Problem("export-place", `${where} has a ${file} already: nothing was overwritten`);
      await upload(s3, bucket, prefix + file, content, {});
    },
    read: async (file) => s3.getObject(bucket, prefix + file).catch(failed(`${file} cannot be read`)),
    async remove(file) {
      await s3.removeIncompleteUpload(bucket, prefix + file);
      await s3.removeObject(bucket, prefix + file);
    },
  };
}
