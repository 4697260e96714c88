// What `tenant drift --all --json` found, as one issue: the same drift gives the same bytes, so that nobody is told twice.
import type { Difference } from "../cli/drift/difference.ts";
import { some } from "../cli/fleet/kinds.ts";
import { capped, commentLimit, head, inline, row } from "../cli/fleet/markdown-text.ts";

/** The first line: the issue is found by it. */
export const marker = "<!-- tenant-storage drift -->";

/** `tenant drift --json`, as far as it is read. */
export interface DriftDocument {
  readonly tenants: readonly Looked[];
}

interface Looked {
  /** A tenant, or `platform`. */
  readonly id: string;
  readonly outcome: "done" | "failed" | "not begun";
  readonly drift?: readonly Difference[];
  readonly error?: { readonly code: string; readonly message: string };
  readonly why?: string;
}

/** The issue's body, at most `limit` characters, without secrets. Undefined: all was looked at, and nothing differs. */
export function driftIssue({ tenants }: DriftDocument, limit = commentLimit): string | undefined {
  const all = [...tenants].sort((one, other) => (one.id < other.id ? -1 : 1));
  const differ = all.filter(({ drift = [] }) => drift.length > 0);
  const unknown = all.filter(({ outcome }) => outcome !== "done");
  if (differ.length + unknown.length === 0) return undefined;
  const ids = differ.map(({ id }) => id);
  const what = [
    ...(differ.length > 0 ? [`${differ.length} of ${all.length} not as deployed`] : []),
    ...(unknown.length > 0 ? [`${unknown.length} of ${all.length} not known`] : []),
  ];
  const parts = [
    marker,
    `### Drift: ${what.join(", ")}`,
    differ.length === 0 ? "" : `Somebody changed, deleted or added this from outside (${some(ids)}):`,
    capped(
      { before: head(["tenant", "where", "what", "difference", "put back"]), rows: differ.flatMap(rowsOf) },
      Math.floor(limit / 2),
      "differences",
      "`npm run tenant -- drift --all`",
    ),
    unknown.length === 0 ? "" : "Of these nothing could be found out:",
    capped(
      { before: head(["tenant", "why"]), rows: unknown.map((one) => row([inline(one.id), shortened(reason(one))])) },
      Math.floor(limit / 4),
      "of them",
      "`npm run tenant -- drift --all`",
    ),
    commands(
      ids,
      unknown.map(({ id }) => id),
    ),
    "This issue is brought up to date by every look, and closed when nothing differs.",
  ];
  return `${parts.filter((part) => part !== "").join("\n\n")}\n`;
}

const reason = ({ error, why = "" }: Looked): string => (error === undefined ? `not begun: ${why}` : error.message);

/** One value must not take the room of all others. */
function shortened(text: string, most = 500): string {
  const shown = inline(text);
  // Before it is escaped nothing may be cut off: half a secret is not recognised. Nor in the middle of an escape.
  return shown.length <= most ? shown : `${shown.slice(0, most).replace(/(\\|&[^;\s]{0,5})$/, "")}…`;
}

function rowsOf({ id, drift = [] }: Looked): string[] {
  return drift.map(({ place, resource, what, help }) =>
    row([
      inline(id),
      inline(place),
      shortened(resource),
      shortened(what),
      help === undefined ? "`--repair`" : `by hand: ${shortened(help)}`,
    ]),
  );
}

function commands(differ: readonly string[], unknown: readonly string[]): string {
  const command = (ids: readonly string[], option = ""): string =>
    `npm run tenant -- drift ${ids.length <= 20 ? ids.join(" ") : "--all"}${option}`;
  const lines = [
    ...(differ.length > 0 ? [`${command(differ)}   # what differs now`, `${command(differ, " --repair")}`] : []),
    ...(unknown.length > 0 ? [`${command(unknown)}   # look again`] : []),
  ];
  return ["What to type:", "", "```sh", ...lines, "```"].join("\n");
}
