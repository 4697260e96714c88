// The tenant's key file. It may hold several identities: while a key is being rotated, the old one still opens what was encrypted
// to it. Each stands in a paragraph with its comments, as age-keygen prints them; the last one is the tenant's key.
import { readFile } from "node:fs/promises";
import { pipeThrough } from "./credentials.ts";

/** One identity of a key file. */
export interface Identity {
  /** The public key, `age1…`. */
  readonly recipient: string;
  /** 0 is the first key. */
  readonly rotation: number;
  /** Its lines in the file, the private key among them. */
  readonly text: string;
}

const mark = "# rotation: ";

/** The identities in the text of a key file, in their order. @throws Error when age cannot read one. */
export async function parseIdentities(text: string): Promise<Identity[]> {
  const paragraphs = text.split(/(?<=^AGE-SECRET-KEY-.*\n)/m).filter((one) => one.includes("AGE-SECRET-KEY-"));
  if (paragraphs.length === 0) return [];
  const recipients = (await pipeThrough("age-keygen", ["-y"], text)).trim().split("\n");
  return paragraphs.map((one, index) => ({
    recipient: recipients[index] ?? "",
    rotation: Number(
      one
        .split("\n")
        .find((line) => line.startsWith(mark))
        ?.slice(mark.length) ?? 0,
    ),
    text: `${one.trim()}\n`,
  }));
}

/** The identities of a key file; none when there is no file. */
export async function readIdentities(file: string): Promise<Identity[]> {
  try {
    return await parseIdentities(await readFile(file, "utf8"));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw error;
  }
}

/** A new identity. */
export async function newIdentity(rotation: number): Promise<Identity> {
  const made = await pipeThrough("age-keygen", [], "");
  const [identity] = await parseIdentities(rotation === 0 ? made : `${mark}${rotation}\n${made}`);
  if (identity === undefined) throw new Error("age-keygen printed no key");
  return identity;
}

/** The text of a key file. */
export function formatIdentities(identities: readonly Identity[]): string {
  return identities.map(({ text }) => text).join("\n");
}
