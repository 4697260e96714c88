// What an export is made of: encrypted parts, and a manifest that names every one with its checksum.
import { createHash } from "node:crypto";
import { z } from "zod";
import { Problem } from "../errors.ts";

/** The stores in the order in which they are read: what refers to something before what it refers to. */
export const stores = ["redis", "qdrant", "postgresql", "minio"] as const;
export type StoreName = (typeof stores)[number];

/** The file that makes an export complete: written last. */
export const manifestName = "manifest.json";

const whole = z.number().int().nonnegative();
const checksum = z.string().regex(/^[0-9a-f]{64}$/);

const countsSchema = z.strictObject({
  /** Redis keys. */
  keys: whole,
  /** Qdrant points. */
  points: whole,
  tables: whole,
  /** Of all tables. */
  rows: whole,
  objects: whole,
  /** Bytes of all objects. */
  objectBytes: whole,
});
/** What an export holds. */
export type Counts = z.infer<typeof countsSchema>;

const partSchema = z.strictObject({
  /** `minio-00001.tar.age`: no path, so that nothing else can be read. */
  name: z.string().regex(/^[a-z]+-\d{5}\.[a-z.]+\.age$/),
  store: z.enum(stores),
  /** Of the encrypted file. */
  bytes: whole,
  /** Of the encrypted file. */
  sha256: checksum,
});
/** One encrypted file. */
export type Part = z.infer<typeof partSchema>;

const aboutSchema = z.record(z.string(), z.union([z.string(), z.number()]));
/** What a restore has to know of a store: its version, the size of its vectors. */
export type About = z.infer<typeof aboutSchema>;

const manifestSchema = z.strictObject({
  format: z.literal("tenant-storage-export/1"),
  tenant: z.string().regex(/^[a-z0-9]{1,40}$/),
  /** ISO 8601, UTC. */
  started: z.string(),
  finished: z.string(),
  /** age public keys that open the parts. */
  recipients: z.array(z.string()).min(1),
  counts: countsSchema,
  stores: z.partialRecord(z.enum(stores), aboutSchema),
  parts: z.array(partSchema),
});
export type Manifest = z.infer<typeof manifestSchema>;

export const noCounts: Counts = { keys: 0, points: 0, tables: 0, rows: 0, objects: 0, objectBytes: 0 };

/** Both together. */
export function sum(one: Counts, other: Partial<Counts>): Counts {
  const added = Object.entries(one).map(([name, count]) => [name, count + (other[name as keyof Counts] ?? 0)]);
  return Object.fromEntries(added) as Counts;
}

/** SHA-256 in hex: of the manifest's text it stands for the whole export. */
export const sha256 = (text: string | Uint8Array): string => createHash("sha256").update(text).digest("hex");

/** @throws Problem when it is no manifest of ours. */
export function parseManifest(text: string, where: string): Manifest {
  let found: unknown;
  try {
    found = JSON.parse(text);
  } catch (cause) {
    throw new Problem("export-damaged", `${manifestName} in ${where} is no JSON: it was cut off or altered`, { cause });
  }
  const parsed = manifestSchema.safeParse(found);
  if (parsed.success) return parsed.data;
  const [first] = parsed.error.issues;
  throw new Problem(
    "export-damaged",
    `${manifestName} in ${where} is no manifest that this checkout knows: ${first?.path.join(".")} ${first?.message}`,
  );
}

/** `12 keys, 3 points, 4 tables with 50 rows, 6 objects with 7 bytes`. */
export function describeExport({ keys, points, tables, rows, objects, objectBytes }: Counts): string {
  return `${keys} keys, ${points} points, ${tables} tables with ${rows} rows, ${objects} objects with ${objectBytes} bytes`;
}
