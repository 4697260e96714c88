// age recipients: who can open what is encrypted for a tenant, beside the tenant itself.
import { bech32 } from "@scure/base";

/** Bytes of an X25519 public key. */
const keyBytes = 32;

/** True of anything that looks like a private age key: no message may repeat it. */
export const isPrivateKey = (text: string): boolean => /AGE-SECRET-KEY/i.test(text);

/** Why a text is not an age public key, in one sentence; undefined when it is one. Never repeats a private key. */
export function recipientProblem(text: string): string | undefined {
  const help = "print it with: age-keygen -y FILE";
  if (isPrivateKey(text)) return `is a private key: take it out, treat it as known to others, and ${help}`;
  const shown = JSON.stringify(text);
  if (!text.startsWith("age1")) return `${shown} is not an age public key (age1…): ${help}`;
  try {
    const { prefix, bytes } = bech32.decodeToBytes(text);
    if (prefix === "age" && bytes.length === keyBytes) return undefined;
  } catch {
    // Its checksum is wrong, or it is cut off.
  }
  return `${shown} is mistyped, or no X25519 key: ${help}`;
}
