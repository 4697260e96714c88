// Audit events as a table.
import type { AuditEvent, EventDetails } from "../../providers/clients/audit.ts";
import { table } from "../output.ts";

/** Oldest first, as given. @param everybody also says whose events they are */
export async function eventTable(events: readonly AuditEvent[], everybody: boolean): Promise<string> {
  const rows = events.map(({ sequence, created_at, tenant_id, event_type, details }) => [
    sequence === null ? "sealed" : String(sequence),
    created_at.toISOString().slice(0, 19).replace("T", " "),
    ...(everybody ? [tenant_id] : []),
    event_type,
    described(details),
  ]);
  return table(["event", "time (UTC)", ...(everybody ? ["tenant"] : []), "type", "details"], rows);
}

const width = 80;

/** A line for each detail, without what is the same in every event. */
function described(details: EventDetails): string {
  return Object.entries(details)
    .filter(([key, value]) => key !== "component" && value !== null && String(value) !== "")
    .map(([key, value]) => `${key}: ${String(value).replaceAll(/[\s\p{Cc}]+/gu, " ")}`)
    .map((line) => (line.length > width ? `${line.slice(0, width - 1)}…` : line))
    .join("\n");
}
