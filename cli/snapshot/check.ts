// Looking an export over: its manifest, every checksum, and who vouches for it.
import { withPlatform } from "../../providers/clients/platform-db.ts";
import { Problem } from "../errors.ts";
import { manifestName, parseManifest, sha256, type Manifest } from "./manifest.ts";
import type { Place } from "./place.ts";
import { proven } from "./streams.ts";

/** A finished export, as its manifest describes it. */
export interface Found {
  readonly manifest: Manifest;
  /** SHA-256 of the manifest. */
  readonly checksum: string;
}

/** Bytes of a manifest at most: that of a hundred thousand parts is smaller. */
const manifestSize = 64 * 1024 * 1024;

/** @throws Problem when there is no finished export. */
export async function findExport(place: Place): Promise<Found> {
  const found = await place.list();
  const size = found.get(manifestName);
  if (size === undefined) {
    const help = found.size === 0 ? "there is nothing" : "the export was interrupted: run it again, with the same --to";
    throw new Problem("export-damaged", `${place.name} holds no finished export (no ${manifestName}): ${help}`);
  }
  if (size > manifestSize) throw new Problem("export-damaged", `${manifestName} in ${place.name} is too big to be one`);
  const pieces: Uint8Array[] = [];
  for await (const piece of await place.read(manifestName)) pieces.push(piece);
  const text = Buffer.concat(pieces).toString("utf8");
  const manifest = parseManifest(text, place.name);
  const missing = manifest.parts.filter(({ name, bytes }) => found.get(name) !== bytes);
  if (missing.length > 0) {
    throw new Problem(
      "export-damaged",
      `${place.name} is not whole: ${missing.map(({ name }) => name).join(", ")} missing or cut off`,
    );
  }
  return { manifest, checksum: sha256(text) };
}

/**
 * Compares every part with its checksum.
 * @throws Problem naming every part that was altered
 */
export async function checkParts(place: Place, { parts }: Manifest, amount: (text: string) => void): Promise<void> {
  const altered: string[] = [];
  const all = parts.reduce((sum, { bytes }) => sum + bytes, 0);
  let read = 0;
  for (const part of parts) {
    try {
      for await (const piece of proven(await place.read(part.name), part, part.name)) {
        read += piece.byteLength;
        amount(`${Math.floor((100 * read) / all)} %`);
      }
    } catch (error) {
      altered.push((error as Error).message);
    }
  }
  if (altered.length > 0) throw new Problem("export-damaged", `${place.name} cannot be used: ${altered.join("; ")}`);
}

/** When the platform recorded the export of that checksum; undefined when its audit log has no such event. */
export async function recordedAt({ manifest, checksum }: Found): Promise<Date | undefined> {
  return withPlatform(async (client) => {
    const { rows } = await client.query<{ created_at: Date }>(
      `SELECT created_at FROM public.audit_events
       WHERE tenant_id = $1 AND event_type = 'TENANT_EXPORTED' AND details->>'checksum' = $2 ORDER BY created_at LIMIT 1`,
      [manifest.tenant, checksum],
    );
    return rows[0]?.created_at;
  });
}
