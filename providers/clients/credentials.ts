// What a tenant's SOPS file holds (plan, section 6.3), and how it is encrypted and decrypted: by the sops binary, with the
// plaintext on standard input and output only.
import { spawn } from "node:child_process";
import { readFile } from "node:fs/promises";
import { parse, stringify } from "yaml";
import { codeOf, Problem } from "../../errors/problem.ts";
import { secretFiles } from "./secrets-dir.ts";

/** The plan's six entries, in its order. */
export interface Credentials {
  readonly minio_access_key: string;
  readonly minio_secret_key: string;
  readonly postgres_password: string;
  /** A JWT for the tenant's collection, checked by the Qdrant server. */
  readonly qdrant_api_key: string;
  readonly redis_password: string;
  readonly tenant_api_key: string;
}

/** The entries every file must have. */
export const credentialKeys = [
  "minio_access_key",
  "minio_secret_key",
  "postgres_password",
  "qdrant_api_key",
  "redis_password",
  "tenant_api_key",
] as const satisfies readonly (keyof Credentials)[];

/** sops knows variables that add recipients (SOPS_KMS_ARN, SOPS_PGP_FP, …), and keys in the home folder: it gets neither. */
const cleanEnvironment = (): NodeJS.ProcessEnv => ({ PATH: process.env["PATH"], HOME: "/nonexistent" });

/** The text without any longer word of the input: a program that fails may repeat what it was given, a secret. */
function withoutInput(text: string, input: string): string {
  const words = input.split(/[\s"':,]+/).filter((word) => word.length >= 16);
  return words.reduce((rest, word) => rest.replaceAll(word, "[secret]"), text);
}

/**
 * Runs a program with `input` on its standard input and returns its standard output.
 * @throws Error with the last lines of its standard error; ENOENT is explained.
 */
export async function pipeThrough(
  program: string,
  args: readonly string[],
  input: string,
  env: NodeJS.ProcessEnv = process.env,
): Promise<string> {
  return new Promise((done, fail) => {
    const child = spawn(program, args, { env, stdio: ["pipe", "pipe", "pipe"] });
    const out: Buffer[] = [];
    const err: Buffer[] = [];
    child.stdout.on("data", (chunk: Buffer) => out.push(chunk));
    child.stderr.on("data", (chunk: Buffer) => err.push(chunk));
    child.stdin.on("error", () => undefined); // The program ended early: its exit code says why.
    child.on("error", (cause: NodeJS.ErrnoException) => {
      const help = cause.code === "ENOENT" ? `; it is not on PATH: eval "$(npm run -s env)"` : "";
      fail(new Problem("program-missing", `${program} could not be started${help}`, { cause }));
    });
    child.on("close", (code) => {
      if (code === 0) done(Buffer.concat(out).toString("utf8"));
      else {
        const said = withoutInput(Buffer.concat(err).toString("utf8"), input).trim().slice(-600);
        fail(new Problem("credentials-unreadable", `${program} ended with ${code}: ${said}`));
      }
    });
    child.stdin.end(input);
  });
}

const fromStandardInput = ["--input-type", "yaml", "--output-type", "yaml", "--filename-override", "secrets.yaml"];

/** What else than age keys sops can encrypt to. */
const otherKinds = ["kms", "gcp_kms", "azure_kv", "hckms", "hc_vault", "pgp", "key_groups"];

/** The recipients of a SOPS file's text, as its metadata names them: age public keys; of any other key its kind (`pgp`). */
export function recipientsOf(encrypted: string): string[] {
  const { sops } = parse(encrypted) as { sops?: Record<string, unknown> & { age?: { recipient?: string }[] | null } };
  const others = otherKinds.filter((kind) => [sops?.[kind] ?? []].flat().length > 0);
  return [...(sops?.age ?? []).flatMap(({ recipient }) => recipient ?? []), ...others];
}

/** The SOPS file (YAML) of `credentials` for these age recipients. */
export async function encryptCredentials(credentials: Credentials, recipients: readonly string[]): Promise<string> {
  return pipeThrough(
    "sops",
    // --config /dev/null: a .sops.yaml of the operator must not add recipients.
    ["--config", "/dev/null", "encrypt", "--age", recipients.join(","), ...fromStandardInput],
    stringify(credentials),
    cleanEnvironment(),
  );
}

/**
 * Decrypts a SOPS file with one age key file and no other key of the operator.
 * @throws Error when the key is not a recipient, the file was altered, or an entry is missing.
 */
export async function decryptCredentials(encrypted: string, keyFile: string): Promise<Credentials> {
  // sops would also try the operator's own keys, from its configuration folder and ~/.ssh.
  const env = { ...cleanEnvironment(), SOPS_AGE_KEY_FILE: keyFile };
  const text = await pipeThrough("sops", ["decrypt", ...fromStandardInput], encrypted, env);
  const found = parse(text) as Partial<Record<string, unknown>>;
  const missing = credentialKeys.filter((key) => typeof found[key] !== "string");
  if (missing.length > 0)
    throw new Problem("credentials-unreadable", `the credentials file lacks ${missing.join(", ")}`);
  return found as unknown as Credentials;
}

/**
 * The credentials of a tenant, by its own key.
 * @throws Error naming the tenant and the command that helps.
 */
export async function readCredentials(tenant: string): Promise<Credentials> {
  const files = secretFiles(tenant);
  try {
    const encrypted = await readFile(files.encrypted, "utf8");
    const found = await decryptCredentials(encrypted, files.key).catch(async (error: unknown) => {
      // It may have been handed over to another key meanwhile.
      const now = await readFile(files.encrypted, "utf8");
      if (now === encrypted) throw error;
      return decryptCredentials(now, files.key);
    });
    const holder = holderOf(found.qdrant_api_key);
    if (holder !== tenant && holder !== undefined)
      throw new Problem("credentials-unreadable", `it holds the credentials of tenant ${holder}`);
    return found;
  } catch (cause) {
    throw new Problem(
      codeOf(cause) === "program-missing" ? "program-missing" : "credentials-unreadable",
      `The credentials of tenant ${tenant} could not be read from ${files.encrypted}: ${(cause as Error).message}. ` +
        `Repair them: pulumi refresh --stack ${tenant} && pulumi up --stack ${tenant}`,
      { cause },
    );
  }
}

/** Whose token it is, as it says itself; undefined when it is none, which the server will notice. */
function holderOf(token: string): string | undefined {
  try {
    const claims = JSON.parse(Buffer.from(token.split(".")[1] ?? "", "base64url").toString("utf8")) as { sub?: string };
    return claims.sub;
  } catch {
    return undefined;
  }
}
