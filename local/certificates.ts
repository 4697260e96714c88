// Certificates: an authority of our own, and what it signs. Only made here, read with Node.js's own means elsewhere.
import { createPrivateKey, KeyObject, randomBytes, webcrypto } from "node:crypto";
import { isIP } from "node:net";

/** A certificate with its private key, both as PEM. */
export interface Certificate {
  readonly certificate: string;
  readonly key: string;
}

export interface CertificateOptions {
  /** Host names and addresses of the server. */
  readonly names: readonly string[];
  /** @default yesterday: clocks differ */
  readonly from?: Date;
  /** @default in two years */
  readonly until?: Date;
}

const day = 24 * 3600 * 1000;
const algorithm = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" } as const;

/** The library, loaded when something is made: a quarter of a second. It wants reflection first. */
async function library() {
  await import("reflect-metadata");
  return await import("@peculiar/x509");
}

const newKeys = () => webcrypto.subtle.generateKey(algorithm, true, ["sign", "verify"]);

const pemOf = (key: webcrypto.CryptoKey): string =>
  KeyObject.from(key).export({ format: "pem", type: "pkcs8" }).toString();

/** Positive, and unlike any other: 126 bits. */
const serialNumber = (): string => `40${randomBytes(15).toString("hex")}`;

/** A new authority, good for ten years. Its name is its own: two of them are never taken for one another. */
export async function makeAuthority(): Promise<Certificate> {
  const x509 = await library();
  const keys = await newKeys();
  const made = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: serialNumber(),
    name: `CN=tenant-storage local authority ${randomBytes(4).toString("hex")}`,
    notBefore: new Date(Date.now() - day),
    notAfter: new Date(Date.now() + 3650 * day),
    signingAlgorithm: algorithm,
    keys,
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  return { certificate: `${made.toString("pem")}\n`, key: pemOf(keys.privateKey) };
}

/** A server's certificate, signed by the authority. */
export async function makeCertificate(authority: Certificate, options: CertificateOptions): Promise<Certificate> {
  const x509 = await library();
  const keys = await newKeys();
  const signer = new x509.X509Certificate(authority.certificate);
  const der = createPrivateKey(authority.key).export({ format: "der", type: "pkcs8" });
  const made = await x509.X509CertificateGenerator.create({
    serialNumber: serialNumber(),
    subject: "CN=tenant-storage local store",
    issuer: signer.subject,
    notBefore: options.from ?? new Date(Date.now() - day),
    notAfter: options.until ?? new Date(Date.now() + 730 * day),
    publicKey: keys.publicKey,
    signingKey: await webcrypto.subtle.importKey("pkcs8", der, algorithm, false, ["sign"]),
    signingAlgorithm: algorithm,
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
      new x509.SubjectAlternativeNameExtension(
        options.names.map((value) => ({ type: isIP(value) === 0 ? "dns" : "ip", value })),
      ),
      await x509.AuthorityKeyIdentifierExtension.create(signer),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  return { certificate: `${made.toString("pem")}\n`, key: pemOf(keys.privateKey) };
}
