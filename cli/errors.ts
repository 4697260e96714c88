// How an error reaches a person or a program: one message, its code, the command that helps, and no stack trace.
import { codeOf } from "../errors/problem.ts";
import { complain, saidAnything, sayJson } from "./output.ts";

export { codeOf, Problem } from "../errors/problem.ts";

/** How errors are shown. */
export interface ErrorOutput {
  /** With the stack traces of the error and its causes. */
  readonly debug: boolean;
  /** The caller reads JSON. */
  readonly json?: boolean;
}

/** What the arguments of a command line ask for; those behind `--` are another program's. */
export function errorOutput(args: readonly string[]): ErrorOutput {
  const end = args.indexOf("--");
  const own = end === -1 ? args : args.slice(0, end);
  return { debug: own.includes("--debug"), json: own.includes("--json") };
}

/**
 * Writes the error to standard error; for who reads JSON, `{"error": {"code", "message"}}` to standard output too, unless
 * data are there already: one document, not two.
 */
export function showError(program: string, error: unknown, { debug, json = false }: ErrorOutput): void {
  const message = withoutSecrets((error as { message?: string }).message ?? String(error));
  const code = codeOf(error);
  if (json && !saidAnything()) sayJson({ error: { code, message } });
  complain(`${program}: ${message}`);
  if (debug) {
    for (let at: unknown = error; at instanceof Error; at = at.cause) complain(withoutSecrets(at.stack ?? String(at)));
  } else if (!(error instanceof Error) || error instanceof TypeError || error instanceof ReferenceError) {
    complain("This is a mistake in the program. Run it again with --debug to see where.");
  }
  complain(codeLine(code));
}

/** The last line of an error: what it is called in the document that explains it. */
export const codeLine = (code: string): string => `Code: ${code} (docs/errors.md)`;

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
    "AWS_SECRET_ACCESS_KEY",
    "TENANT_WEBHOOK_SECRET",
  ]
    .flatMap((name) =>
      Object.keys(env).filter(
        (key) => key === name || (key.startsWith("TENANT_PLACEMENT_") && key.endsWith(`_${name}`)),
      ),
    )
    .map((name) => env[name] ?? "")
    .filter((secret) => secret.length >= 8);
  const cleared = known.reduce((rest, secret) => rest.replaceAll(secret, "[secret]"), text);
  return shapes.reduce((rest, shape) => rest.replace(shape, "[secret]"), cleared);
}
