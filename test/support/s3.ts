// MinIO as applications and attackers speak to it: the AWS SDK, and bare HTTP that no client would send.
import { S3, type S3ClientConfig } from "@aws-sdk/client-s3";
import * as http from "node:http";
import * as https from "node:https";
import { servers } from "../../providers/clients/servers.ts";
import { trusting } from "../../providers/clients/tls.ts";
import type { Deployed } from "./deployed.ts";
import { trustStoresAuthority } from "./tls.ts";

/** Access key, secret, and the session token of temporary credentials. */
export interface S3Credentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
}

/** The tenant's credentials in the AWS SDK's words. */
export function s3Credentials({ credentials }: Deployed): S3Credentials {
  return { accessKeyId: credentials.minio_access_key, secretAccessKey: credentials.minio_secret_key };
}

/** The AWS SDK for these credentials, with its own defaults otherwise; one attempt, so that a refusal is seen at once. */
export function awsClient(credentials: S3Credentials, settings: S3ClientConfig = {}): S3 {
  // Its own option for an authority does not reach the connections of an upload in parts.
  trustStoresAuthority();
  return new S3({
    endpoint: servers().minio.endpoint.origin,
    region: "us-east-1",
    forcePathStyle: true,
    maxAttempts: 1,
    credentials,
    ...settings,
  });
}

/** The administrator's. */
export function adminClient(): S3 {
  const { user, password } = servers().minio;
  return awsClient({ accessKeyId: user, secretAccessKey: password });
}

/** An HTTP answer, read to its end. */
export interface Answer {
  readonly status: number;
  readonly headers: http.IncomingHttpHeaders;
  readonly text: string;
  /** The server's error code; `OK` when there is none; the status where an error has no body. */
  readonly code: string;
}

/** Sends exactly this. `path` goes out as it stands, with its query: no client tidies it. */
export async function bare(
  method: string,
  path: string,
  { headers = {}, body = "" }: { headers?: Record<string, string>; body?: string | Buffer } = {},
): Promise<Answer> {
  const { endpoint, ca } = servers().minio;
  const { request } = endpoint.protocol === "https:" ? https : http;
  return new Promise((done, fail) => {
    const where = { host: endpoint.hostname, port: endpoint.port, method, path, headers };
    // The certificate is the address's, whatever the headers call the server.
    const options = { ...where, servername: "", ...trusting(ca) };
    const call = request(options, (answer) => {
      let text = "";
      answer.setEncoding("utf8").on("data", (chunk: string) => (text += chunk));
      answer.on("error", fail).on("end", () => {
        const status = answer.statusCode ?? 0;
        const said = /<Code>(\w+)<|"Code":"(\w+)"/.exec(text);
        const code = said?.[1] ?? said?.[2] ?? (status < 400 ? "OK" : String(status));
        done({ status, headers: answer.headers, text, code });
      });
    });
    call.on("error", fail);
    call.end(body);
  });
}

/** `OK`, or the server's code for its refusal; the status where it has no body to say more (HEAD). Anything else is thrown. */
export async function outcome(work: Promise<unknown>): Promise<string> {
  try {
    // DeleteObjects answers well, and refuses inside.
    const { Errors: errors } = ((await work) ?? {}) as { Errors?: { Code?: string }[] };
    return errors?.[0]?.Code ?? "OK";
  } catch (error) {
    const { name, code, $metadata } = error as {
      name: string;
      code?: string;
      $metadata?: { httpStatusCode?: number };
    };
    if (name === "S3Error" && code !== undefined) return code;
    if ($metadata?.httpStatusCode === undefined) throw error;
    return ["Unknown", "UnknownError", "Forbidden", "403"].includes(name) ? String($metadata.httpStatusCode) : name;
  }
}
