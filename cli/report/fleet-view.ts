// The fleet on one page: numbers, what needs attention, every tenant in a row, the isolation matrix, stores, and who is gone.
import { defaultPlacement } from "../../providers/clients/placements.ts";
import { type Attention, ofTenant, staleAfter } from "./attention.ts";
import { driftBadge, sizeCell, verdict } from "./cells.ts";
import { age, between, bytes, count, day, roughly } from "./format.ts";
import type { Fleet, TenantState } from "./fleet.ts";
import { html, type Html, type Part } from "./html.ts";
import { matrix } from "./matrix.ts";
import { ago, attentionList, badge, instant, numeric, table, tenantLink } from "./parts.ts";
import { storeNames, type StoreName } from "./sizes.ts";
import { storeTitle, storeTitles } from "./titles.ts";

/** The list of what needs attention is folded after so many. */
const listed = 12;

export function fleetView(fleet: Fleet, problems: readonly Attention[]): Html {
  return html`<div class="fleet">
    ${glance(fleet, problems)}${attentionSection(problems, fleet)}${tenantTable(fleet)}${matrix(fleet)}${servers(fleet)}${ended(fleet)}
  </div>`;
}

function glance(fleet: Fleet, problems: readonly Attention[]): Html {
  const { tenants, generated_at: now } = fleet;
  const passed = tenants.filter((one) => verdict(one, now).tone === "ok").length;
  const looked = tenants.filter(({ drift }) => drift !== null && drift.outcome !== "failed");
  const drifted = looked.filter(({ drift }) => drift?.outcome === "drift").length;
  const suspended = tenants.filter(({ status }) => status === "suspended").length;
  const total = (store: StoreName): number =>
    tenants.reduce((sum, { sizes }) => sum + (sizes[store]?.bytes ?? sizes[store]?.items ?? 0), 0);
  const known = (store: StoreName): boolean => tenants.some(({ sizes }) => sizes[store] !== undefined);
  const cards: [string, Part, Part][] = [
    [
      "Tenants",
      count(tenants.length),
      html`${count(suspended)}
      suspended${fleet.incomplete.length > 0 && html`, ${count(fleet.incomplete.length)} incomplete`}`,
    ],
    [
      "Isolation proven",
      html`${count(passed)}<span class="of"> of ${count(tenants.length)}</span>`,
      `in the last ${staleAfter / day} days`,
    ],
    [
      "Drift",
      looked.length === 0 ? "–" : count(drifted),
      looked.length === 0 ? "nobody looked yet" : `of ${count(looked.length)} looked at`,
    ],
    ["Needs attention", count(problems.length), problems.length === 0 ? "nothing" : "see below"],
    ...(known("minio") ? [["MinIO", bytes(total("minio")), "in all buckets"] as [string, Part, Part]] : []),
    ...(known("postgresql")
      ? [["PostgreSQL", bytes(total("postgresql")), "in all databases"] as [string, Part, Part]]
      : []),
    ...(known("qdrant") ? [["Qdrant", roughly(total("qdrant")), "points"] as [string, Part, Part]] : []),
    ...(known("redis") ? [["Redis", roughly(total("redis")), "keys"] as [string, Part, Part]] : []),
  ];
  return html`<section aria-labelledby="glance">
    <h2 id="glance">At a glance</h2>
    <dl class="cards">
      ${cards.map(
        ([title, value, note]) =>
          html`<div class="card">
            <dt>${title}</dt>
            <dd><strong>${value}</strong><span>${note}</span></dd>
          </div>`,
      )}
    </dl>
  </section>`;
}

function attentionSection(problems: readonly Attention[], fleet: Fleet): Html {
  const registered = new Set(fleet.tenants.map(({ id }) => id));
  const about = (id: string): Part => id !== "" && html`<b>${registered.has(id) ? tenantLink(id) : id}</b> `;
  const rest = problems.slice(listed);
  return html`<section aria-labelledby="attention">
    <h2 id="attention">Needs attention</h2>
    ${problems.length === 0 ? html`<p>${badge("ok", "Nothing")}</p>` : attentionList(problems.slice(0, listed), about)}${
      rest.length > 0 &&
      html`<details>
        <summary>${count(rest.length)} more</summary>
        ${attentionList(rest, about)}
      </details>`
    }
  </section>`;
}

function tenantTable(fleet: Fleet): Html {
  const { tenants, generated_at: now } = fleet;
  if (tenants.length === 0) {
    return html`<section aria-labelledby="tenants">
      <h2 id="tenants">Tenants</h2>
      <p>No tenant yet. Make one: <code>npm run tenant -- provision ID --network 10.12.0.0/16</code></p>
    </section>`;
  }
  const rows = tenants.map((tenant) => {
    const { tone, text } = verdict(tenant, now);
    const [verified] = tenant.verifications;
    const attention = ofTenant(tenant, now).length > 0;
    const classes = [attention && "attention", tenant.status === "suspended" && "suspended"].filter(Boolean).join(" ");
    return html`<tr class="${classes}">
      <th scope="row">
        ${tenantLink(tenant.id)}${tenant.status === "suspended" && html`<small>Suspended${reason(tenant)}</small>`}${tenant.placement !== defaultPlacement && html`<small>On ${tenant.placement}</small>`}
      </th>
      <td class="state">${badge(tone, text)}${verified && html`<small>${ago(verified.at, now)}</small>`}</td>
      <td class="state">
        ${driftBadge(tenant.drift)}${tenant.drift && html`<small>${ago(tenant.drift.at, now)}</small>`}
      </td>
      ${storeNames.map((store) => html`<td class="number">${sizeCell(tenant.sizes[store])}</td>`)}
      <td class="number">${oldestSecret(tenant, now)}</td>
    </tr>`;
  });
  const head = [
    "Tenant",
    "Verification",
    "Drift",
    ...[...storeNames.map((store) => storeTitles[store]), "Oldest secret"].map(numeric),
  ];
  return html`<section aria-labelledby="tenants">
    <h2 id="tenants">Tenants</h2>
    ${filter(tenants.length)}${table("Tenants", "tenants", head, rows)}
  </section>`;
}

/** Works by the style sheet alone. */
function filter(tenants: number): Html | undefined {
  if (tenants < 10) return undefined;
  const choices = [
    ["all", "All"],
    ["attention", "Needs attention"],
    ["suspended", "Suspended"],
  ] as const;
  return html`<fieldset class="filter">
    <legend>Show</legend>
    ${choices.map(
      ([value, text]) =>
        html`<label
          ><input type="radio" name="show" id="show-${value}" ${value === "all" && html` checked`} /> ${text}</label
        >`,
    )}
  </fieldset>`;
}

function reason({ suspension_reason: why }: TenantState): string {
  return why === "" ? "" : `: ${why}`;
}

function oldestSecret({ credentials }: TenantState, now: string): Part {
  const [oldest] = credentials.flatMap(({ since }) => since ?? []).sort();
  return oldest === undefined ? html`<span class="none">–</span>` : age(between(oldest, now));
}

function servers(fleet: Fleet): Html {
  const { versions, audit, platform_drift: drift } = fleet;
  const rows = fleet.stores.map(
    ({ store, placement, answered, version, problem }) =>
      html`<tr>
        <th scope="row">${storeTitle(store, placement)}</th>
        <td>${answered ? badge(problem === "" ? "ok" : "warn", "Answers") : badge("bad", "No answer")}</td>
        <td>${version || "–"}</td>
        <td class="text">${problem}</td>
      </tr>`,
  );
  return html`<section aria-labelledby="servers">
    <h2 id="servers">Platform</h2>
    <dl class="facts">
      <div>
        <dt>Program</dt>
        <dd>${versions.program}</dd>
      </div>
      <div>
        <dt>Database schema</dt>
        <dd>${versions.schema}</dd>
      </div>
      <div>
        <dt>Signed audit events</dt>
        <dd>${count(audit.signed)}</dd>
      </div>
      <div>
        <dt>Drift of the platform</dt>
        <dd>${driftBadge(drift)}${drift && html` ${ago(drift.at, fleet.generated_at)}`}</dd>
      </div>
      ${fleet.placements.map(
        (one) =>
          html`<div>
            <dt>Drift of the platform on ${one.placement}</dt>
            <dd>${driftBadge(one.drift)}${one.drift && html` ${ago(one.drift.at, fleet.generated_at)}`}</dd>
          </div>`,
      )}
    </dl>
    ${rows.length > 0 && table("Stores", "servers", ["Store", "State", "Version", "Note"], rows)}
  </section>`;
}

function ended(fleet: Fleet): Html | undefined {
  if (fleet.ended.length === 0) return undefined;
  const rows = fleet.ended.map(
    ({ id, at, by, report_id, unchanged }) =>
      html`<tr>
        <th scope="row">${id}</th>
        <td>${instant(at)}</td>
        <td>${by}</td>
        <td><code>${report_id}</code></td>
        <td>${unchanged ? badge("ok", "Vouched for") : badge("bad", "Not the one recorded")}</td>
      </tr>`,
  );
  const head = ["Tenant", "Gone since (UTC)", "By", "Deletion report", "Audit log"];
  return html`<section aria-labelledby="ended">
    <h2 id="ended">Gone</h2>
    <p class="lead">What every server answered afterwards: <code>npm run tenant -- deletion-report ID</code></p>
    ${table("Tenants that are gone", "ended", head, rows)}
  </section>`;
}
