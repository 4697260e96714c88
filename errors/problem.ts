// An error that is meant for a person.
import type { ErrorCode } from "./codes.ts";

/** An error that knows what it is called in docs/errors.md. */
export interface Coded extends Error {
  /** Not `code`: that is the server's own, where there is one. */
  readonly errorCode: ErrorCode;
}

/** A failure with a message that is complete: what failed, on what, why, and what to type next. */
export class Problem extends Error implements Coded {
  override readonly name = "Problem";
  readonly errorCode: ErrorCode;

  constructor(errorCode: ErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.errorCode = errorCode;
  }
}

/** What the system says when nobody answers at an address. */
const unreachable = [
  "ECONNREFUSED",
  "ECONNRESET",
  "EHOSTUNREACH",
  "ENETUNREACH",
  "ENOTFOUND",
  "EAI_AGAIN",
  "ETIMEDOUT",
  "UND_ERR_CONNECT_TIMEOUT",
];

/** What PostgreSQL and MinIO say to credentials they do not take. */
const refused = ["28000", "28P01", "InvalidAccessKeyId", "SignatureDoesNotMatch", "AccessDenied"];

/** The code of any error: its own, or that of the first cause that has one. */
export function codeOf(error: unknown): ErrorCode {
  return ownCode(error, 0) ?? "internal";
}

function ownCode(error: unknown, depth: number): ErrorCode | undefined {
  if (!(error instanceof Error) || depth > 10) return undefined;
  const { code, errorCode } = error as NodeJS.ErrnoException & Partial<Coded>;
  if (errorCode !== undefined) return errorCode;
  if (code === "ENOSPC") return "disk-full";
  if (code !== undefined && unreachable.includes(code)) return "server-unreachable";
  if (code !== undefined && refused.includes(code)) return "server-refused";
  const causes: unknown[] = [error.cause, ...(error instanceof AggregateError ? (error.errors as unknown[]) : [])];
  for (const cause of causes) {
    const found = ownCode(cause, depth + 1);
    if (found !== undefined) return found;
  }
  return undefined;
}
