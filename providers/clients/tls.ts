// Whom the clients trust: a private authority, or those that Node.js knows. Host names are always verified.
import { X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import { isAbsolute } from "node:path";
import { Problem } from "../../errors/problem.ts";

/** A certificate authority, or several. */
export interface Authority {
  /** Absolute path: the native plugins read it themselves. */
  readonly file: string;
  /** Its certificates. No secret. */
  readonly pem: string;
}

/**
 * The authority in that file.
 * @param setting what named the file, for messages: TENANT_CA_FILE
 * @throws Error saying what is wrong with the file
 */
export function readAuthority(setting: string, file: string): Authority {
  // Programs, plugins and hooks run in different folders: each would find another file.
  if (!isAbsolute(file))
    throw new Problem("servers-invalid", `${setting} is not an absolute path (for example /etc/ssl/stores-ca.pem)`);
  let pem: string;
  try {
    pem = readFileSync(file, "utf8");
  } catch (cause) {
    throw new Problem(
      "servers-invalid",
      `${setting} names ${file}, which cannot be read: ${(cause as Error).message}`,
      { cause },
    );
  }
  try {
    new X509Certificate(pem);
  } catch (cause) {
    throw new Problem("servers-invalid", `${setting} names ${file}, which is no certificate in PEM`, { cause });
  }
  return { file, pem };
}

/** libpq's words for what a PostgreSQL client wants of TLS. */
export const sslModes: readonly string[] = ["disable", "require", "verify-ca", "verify-full"];

/**
 * What `tls.connect`, and every client that passes its options on, is told. With an authority of our own no other one is
 * trusted: a public authority's certificate for the same name is refused.
 */
export function trusting(authority: Authority | undefined): { ca?: string } {
  return authority === undefined ? {} : { ca: authority.pem };
}
