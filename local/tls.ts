// TLS of the local stores: whether they speak it, their private authority, and each server's certificate.
import { chownSync, existsSync, mkdirSync, rmSync } from "node:fs";
import { createPrivateKey, X509Certificate } from "node:crypto";
import { join } from "node:path";
import { Problem } from "../errors/problem.ts";
import type { Account } from "./account.ts";
import { type Certificate, makeAuthority, makeCertificate } from "./certificates.ts";
import { readIfThere, writePrivate } from "./files.ts";

/** Everything a client on this machine may call a local server. */
const names = ["localhost", "127.0.0.1", "::1"];

/** A certificate that ends sooner is made anew at a start. */
const renewBefore = 30 * 24 * 3600 * 1000;

const folder = (dir: string): string => join(dir, "tls");

/** The authority's certificate: for clients. While it is there, the stores speak TLS and nothing else. */
export const authorityFile = (dir: string): string => join(folder(dir), "ca.pem");
const authorityKeyFile = (dir: string): string => join(folder(dir), "ca-key.pem");

/** The authority's certificate as PEM; undefined when the stores do not speak TLS. */
export function authorityOf(dir: string): string | undefined {
  return readIfThere(authorityFile(dir));
}

/** Makes the authority unless there is one. From here on the stores speak TLS. */
export async function ensureAuthority(dir: string): Promise<void> {
  if (existsSync(authorityFile(dir))) return;
  const made = await makeAuthority();
  mkdirSync(folder(dir), { recursive: true, mode: 0o700 });
  writePrivate(authorityKeyFile(dir), made.key);
  // Last: it is what says that the stores speak TLS.
  writePrivate(authorityFile(dir), made.certificate);
}

/** From here on the stores do not speak TLS. */
export function removeAuthority(dir: string): void {
  rmSync(authorityFile(dir), { force: true });
  rmSync(folder(dir), { recursive: true, force: true });
}

/** Where a server finds its certificate. The names are those that MinIO looks for. */
export interface CertificateFiles {
  readonly folder: string;
  readonly certificate: string;
  readonly key: string;
}

/**
 * The server's certificate, made anew when it is not the authority's or will end soon.
 * @param serverFolder what the server keeps, under the stores' folder
 * @param account who the server runs as, and whose its key is. @default the caller
 * @throws Error when the authority's key is gone
 */
export async function ensureCertificate(
  dir: string,
  serverFolder: string,
  account?: Account,
): Promise<CertificateFiles> {
  const place = join(serverFolder, "tls");
  const files = { folder: place, certificate: join(place, "public.crt"), key: join(place, "private.key") };
  const authority = readIfThere(authorityFile(dir)) ?? "";
  if (isGood(readPair(files), authority)) return files;
  const signer = { certificate: authority, key: readIfThere(authorityKeyFile(dir)) ?? "" };
  if (!belong(signer)) {
    throw new Problem(
      "setup-failed",
      `${authorityKeyFile(dir)} is not the key of ${authorityFile(dir)}: put the original back, or make a new authority: npm run stores -- start --no-tls, then npm run stores -- start --tls`,
    );
  }
  const made = await makeCertificate(signer, { names });
  mkdirSync(place, { recursive: true, mode: 0o700 });
  if (account !== undefined) chownSync(place, account.uid, account.gid);
  writePrivate(files.key, made.key, account);
  writePrivate(files.certificate, made.certificate, account);
  return files;
}

function readPair({ certificate, key }: CertificateFiles): Certificate {
  return { certificate: readIfThere(certificate) ?? "", key: readIfThere(key) ?? "" };
}

function isGood(pair: Certificate, authority: string): boolean {
  if (!belong(pair)) return false;
  const found = new X509Certificate(pair.certificate);
  return (
    found.verify(new X509Certificate(authority).publicKey) && found.validToDate.getTime() - Date.now() > renewBefore
  );
}

/** True for a certificate and its own key; false also for texts that are neither. */
function belong({ certificate, key }: Certificate): boolean {
  try {
    return new X509Certificate(certificate).checkPrivateKey(createPrivateKey(key));
  } catch {
    return false;
  }
}
