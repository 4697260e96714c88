// What the commands say of an export.
import { Problem } from "../errors.ts";
import { complain, say, sayJson } from "../output.ts";
import { beginProgress } from "../progress.ts";
import { checkParts, findExport, recordedAt } from "./check.ts";
import type { Exported } from "./export.ts";
import { describeExport } from "./manifest.ts";
import { placeAt } from "./place.ts";
import type { Restored } from "./restore.ts";
import { shownBytes } from "./store.ts";

/** Who can open it, and what to keep. */
export function printExported(
  { tenant, place, checksum, counts, bytes, recipients, eventId }: Exported,
  { json, keyCopy }: { readonly json: boolean; readonly keyCopy: string | undefined },
): void {
  const [, ...others] = recipients;
  if (json) sayJson({ tenant_id: tenant, place, checksum, counts, bytes, recipients, event_id: eventId });
  else {
    say(`Tenant ${tenant} is exported to ${place}: ${describeExport(counts)}; ${shownBytes(bytes)}, encrypted.`);
    say(`Checksum: ${checksum}`);
    say(`Recorded: TENANT_EXPORTED ${eventId}`);
    const keys = ["the tenant's own key", ...others, ...(keyCopy === undefined ? [] : [`its copy ${keyCopy}`])];
    say(`Opens with: ${keys.join(", ")}`);
  }
  if (others.length === 0 && keyCopy === undefined) {
    complain(
      `Nothing but the tenant's own key opens this export, and a destroy shreds that key. Keep a copy (--key-copy FILE), or name a ` +
        `recovery key and export again: pulumi config set --stack ${tenant} --path 'recipients[0]' age1…`,
    );
  }
}

/** `tenant export --check WHERE`. Exit code 1 when the platform does not know the export. */
export async function printCheck(id: string | undefined, where: string, json: boolean): Promise<void> {
  const { useStackConfig } = await import("../environment.ts");
  await useStackConfig("platform");
  const place = await placeAt(where);
  const found = await findExport(place);
  const { manifest, checksum } = found;
  if (id !== undefined && id !== manifest.tenant) {
    throw new Problem("export-unknown", `${place.name} is an export of tenant ${manifest.tenant}, not of ${id}`);
  }
  const progress = await beginProgress(`Checking ${place.name}`);
  await checkParts(place, manifest, progress.amount).finally(progress.end);
  const recorded = await recordedAt(found);
  const { tenant, started, finished, counts, recipients, parts } = manifest;
  if (json) {
    sayJson({
      tenant_id: tenant,
      place: place.name,
      checksum,
      started,
      finished,
      counts,
      recipients,
      recorded: recorded ?? null,
    });
  } else {
    say(`${place.name}: tenant ${tenant}, ${started} to ${finished}: ${describeExport(counts)}.`);
    say(`All ${parts.length} parts are as the manifest says. Checksum: ${checksum}`);
    if (recorded !== undefined) say(`The platform recorded this export at ${recorded.toISOString()}.`);
  }
  if (recorded !== undefined) return;
  process.exitCode = 1;
  complain(
    `The platform's audit log knows no export of tenant ${tenant} with this checksum: somebody may have made it up. ` +
      `Compare the checksum with the one that was printed when it was made.`,
  );
}

export function printRestored(
  { tenant, source, place, checksum, exported, counts, expired, eventId }: Restored,
  json: boolean,
): void {
  if (json)
    return sayJson({ tenant_id: tenant, source, place, checksum, exported, counts, expired, event_id: eventId });
  const other = source === tenant ? "" : `, an export of tenant ${source}`;
  say(`Tenant ${tenant} is restored from ${place}${other}, as it was at ${exported}: ${describeExport(counts)}.`);
  if (expired > 0) say(`Left out: ${expired} keys whose time is over.`);
  say(`Recorded: TENANT_RESTORED ${eventId}`);
}
