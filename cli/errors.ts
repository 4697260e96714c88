// How an error reaches a person: one message, no stack trace, and the command that helps.
import { note } from "./output.ts";

/** A failure with a message that is complete: what failed, on what, why, and what to type next. */
export class Problem extends Error {
  override readonly name = "Problem";
}

/** Writes the error to standard error. `debug`: with the stack traces of it and its causes. */
export function showError(program: string, error: unknown, debug: boolean): void {
  const { message } = error as { message?: string };
  note(`${program}: ${withoutSecrets(message ?? String(error))}`);
  if (debug) {
    for (let at: unknown = error; at instanceof Error; at = at.cause) note(withoutSecrets(at.stack ?? String(at)));
  } else if (!(error instanceof Error) || error instanceof TypeError || error instanceof ReferenceError) {
    note("This is a mistake in the program. Run it again with --debug to see where.");
  }
}

// Shapes of the secrets of a tenant: a password (components/credentials.ts; the runbook's, of an adopted one), a token, an age key.
const shapes = [
  /\beyJ[\w-]{10,}\.[\w-]{10,}\.[\w-]{10,}/g,
  /\bAGE-SECRET-KEY-[0-9A-Z]+/gi,
  /(?<![A-Za-z0-9])[A-Za-z0-9]{44}(?![A-Za-z0-9])/g,
  /(?<![A-Za-z0-9+/])[A-Za-z0-9+/]{43}=/g,
  /(?<=:\/\/[^:@/\s]*:)[^@/\s]+(?=@)/g,
];

/**
 * The text without the administrator's credentials, and without anything that looks like one of a tenant. Messages come
 * from servers and clients: none is known to hold a secret, and none will through here.
 */
export function withoutSecrets(text: string, env: NodeJS.ProcessEnv = process.env): string {
  const known = [
    "MINIO_ROOT_PASSWORD",
    "PGPASSWORD",
    "QDRANT_API_KEY",
    "PULUMI_CONFIG_PASSPHRASE",
    "EXPORT_S3_SECRET_KEY",
  ]
    .map((name) => env[name] ?? "")
    .filter((secret) => secret.length >= 8);
  const cleared = known.reduce((rest, secret) => rest.replaceAll(secret, "[secret]"), text);
  return shapes.reduce((rest, shape) => rest.replace(shape, "[secret]"), cleared);
}
