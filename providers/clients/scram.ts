// What PostgreSQL stores instead of a password (RFC 5803). Statements end up in server logs and in pg_stat_activity: so that the
// password is in none of them, the verifier is sent in its place.
import { createHash, createHmac, pbkdf2Sync } from "node:crypto";

/** PostgreSQL's own number. */
const defaultIterations = 4096;

/**
 * The SCRAM-SHA-256 verifier of a role's password: always the same, so that an unchanged password is no change.
 * @param salt 16 bytes; by default they follow from role and password, which is as good as chance for a long random password
 * @throws RangeError for a password that is not printable ASCII: others would have to be normalised first
 */
export function scramVerifier(
  role: string,
  password: string,
  salt = saltOf(role, password),
  iterations = defaultIterations,
): string {
  if (!/^[\x20-\x7e]+$/.test(password)) throw new RangeError(`the password of role ${role} must be printable ASCII`);
  const salted = pbkdf2Sync(password, salt, iterations, 32, "sha256");
  const mac = (text: string): Buffer => createHmac("sha256", salted).update(text).digest();
  const storedKey = createHash("sha256").update(mac("Client Key")).digest("base64");
  const serverKey = mac("Server Key").toString("base64");
  return `SCRAM-SHA-256$${iterations}:${salt.toString("base64")}$${storedKey}:${serverKey}`;
}

function saltOf(role: string, password: string): Buffer {
  return createHmac("sha256", password).update(`salt of ${role}`).digest().subarray(0, 16);
}
