// A deletion report for people: to be printed, signed and filed.
import type { StoredDeletion } from "../../providers/clients/deletion.ts";
import { describeCounts } from "../../providers/clients/traces.ts";

/** Lines of at most what a page holds. */
export function formatDeletion({ report, sha256, event, unchanged, state }: StoredDeletion): string {
  const { tenant_id: id, begun, ended, exported, names, answers } = report;
  const { bucket, database, collection, keyPrefix } = names;
  return [
    `Deletion of tenant ${id}`,
    "",
    `begun      ${begun === null ? "never complete: nothing guarded it" : `${begun.at} by ${begun.by}`}`,
    `ended      ${ended.at} by ${ended.by}`,
    `known since ${report.known_since ?? "never"}; stack ${report.stack}; networks ${report.networks.join(", ")}`,
    "",
    `deleted    ${begun === null ? "whatever there was" : describeCounts(begun.deleted)}`,
    `           with bucket ${bucket}, database ${database}, collection ${collection}, keys ${keyPrefix}*`,
    `keys       ${keyMaterial(report)}`,
    `state      ${stateOf(state)}`,
    `export     ${exported === null ? "none" : `${exported.at} to ${exported.place} (SHA-256 of its manifest ${exported.checksum})`}`,
    "",
    "asked afterwards, and not there:",
    ...answers.map(({ place, at, asked }) => `  ${place.padEnd(10)} ${at}  ${asked.join(", ")}`),
    "",
    `report     ${report.report_id}`,
    `SHA-256    ${sha256} (of its RFC 8785 form)`,
    unchanged
      ? `recorded   in the signed audit log, event ${event?.sequence} (${event?.event_id})`
      : `CHANGED    the audit log ${event === undefined ? "knows no such report" : `has another hash: ${String(event.details["report_sha256"])}`}`,
  ].join("\n");
}

function keyMaterial({ begun }: StoredDeletion["report"]): string {
  if (begun === null || begun.key_files.length === 0) return "none";
  return `${begun.key_files.join(", ")} overwritten, synced and unlinked (public key ${begun.age_public_key ?? "unknown"})`;
}

function stateOf(state: StoredDeletion["state"]): string {
  if (state === undefined)
    return "Pulumi's state and its backups are still there: npm run tenant -- deprovision removes them";
  const { removed_files: files, backend, left } = state.details;
  const rest = typeof left === "string" ? `; NOT removed: ${left}` : "";
  return `stack, history and ${String(files)} files of backups removed from ${String(backend)}${rest}`;
}
