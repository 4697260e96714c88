// One tenant's part of the page.
import { tenantNames } from "../../components/names.ts";
import { defaultPlacement } from "../../providers/clients/placements.ts";
import { ofTenant } from "./attention.ts";
import { age, between, count, words } from "./format.ts";
import type { Fleet, TenantState, TimelineEvent, Verification } from "./fleet.ts";
import { driftBadge, sizeCell, verdict } from "./cells.ts";
import { html, type Html, type Part } from "./html.ts";
import { ago, anchor, attentionList, badge, instant, numeric, table, type Tone } from "./parts.ts";
import type { Result } from "../verify/report.ts";
import { storeNames, type StoreName } from "./sizes.ts";
import { secretTitles, storeTitles } from "./titles.ts";

export function tenantView(tenant: TenantState, { generated_at: now }: Fleet): Html {
  const id = anchor(tenant.id);
  const problems = ofTenant(tenant, now);
  const { tone, text } = verdict(tenant, now);
  return html`<article class="tenant" id="${id}" aria-labelledby="${id}-title">
    <p class="back"><a href="#top">All tenants</a></p>
    <header>
      <h2 id="${id}-title">${tenant.id}</h2>
      <p class="badges">
        ${
          tenant.status === "suspended" ? badge("warn", "Suspended") : badge("ok", "Active")
        }${badge(tone, text)}${tenant.drift && html`<span>Drift: ${driftBadge(tenant.drift)}</span>`}
      </p>
    </header>
    ${problems.length > 0 && attentionList(problems)}${facts(tenant, now)}
    <h3>Storage</h3>
    ${storage(tenant)}${tenant.verifications.map((one) => isolation(one, now))}${driftList(tenant, now)}
    <h3>Credentials</h3>
    ${credentials(tenant, now)}
    <h3>What happened</h3>
    ${timeline(tenant.events)}
  </article>`;
}

function facts(tenant: TenantState, now: string): Html {
  const all: [string, Part][] = [
    ["Registered", html`${instant(tenant.created_at)} UTC`],
    ["Changed", html`${ago(tenant.updated_at, now)}`],
    ["Networks", tenant.networks.join(", ")],
    ["Credentials", html`<code>${tenant.credentials_ref}</code>`],
    ["age public key", html`<code>${tenant.age_public_key}</code>`],
  ];
  if (tenant.placement !== defaultPlacement) all.push(["Placement", tenant.placement]);
  const labels = Object.entries(tenant.labels).map(([key, value]) => `${key}=${value}`);
  if (labels.length > 0) all.push(["Labels", labels.join(", ")]);
  if (tenant.suspension_reason !== "") all.unshift(["Suspended because", tenant.suspension_reason]);
  return html`<dl class="facts">
    ${all.map(
      ([term, value]) =>
        html`<div>
          <dt>${term}</dt>
          <dd>${value}</dd>
        </div>`,
    )}
  </dl>`;
}

function storage({ id, endpoints, sizes }: TenantState): Html {
  const names = tenantNames(id);
  const what: Readonly<Record<StoreName, readonly [string, string]>> = {
    minio: [`bucket ${names.bucket}`, "stored"],
    postgresql: [`database ${names.database}, role ${names.role}`, "stored"],
    qdrant: [`collection ${names.collection}`, "points"],
    redis: [`keys ${names.keyPrefix}*, user ${names.redisUser}`, "keys"],
  };
  const rows = storeNames.map((store) => {
    const items = store === "minio" ? (sizes.minio?.items ?? null) : null;
    const [resource, unit] = what[store];
    return html`<tr>
      <th scope="row">${storeTitles[store]}</th>
      <td class="text">${resource}</td>
      <td class="text"><code>${endpointOf(endpoints, store)}</code></td>
      <td class="number">
        ${sizeCell(sizes[store], true)}${
          sizes[store] !== undefined && html`<small>${unit}${items !== null && html`, ${count(items)} objects`}</small>`
        }
      </td>
    </tr>`;
  });
  return table(`Storage of ${id}`, "storage", ["Store", "What", "Where", numeric("Size")], rows);
}

function endpointOf(endpoints: TenantState["endpoints"], store: StoreName): string {
  const found = endpoints[store];
  if (typeof found === "string") return found;
  return found === undefined ? "" : JSON.stringify(found);
}

function isolation({ at, against, report }: Verification, now: string): Html {
  const stores = [...new Set(report.checks.map(({ store }) => store))];
  const title = report.suspended ? "Shut out" : `Isolation, tried against ${against}`;
  return html`<h3>${title} <small>${ago(at, now)}</small></h3>
    <div class="checks">
      ${stores.map(
        (store) =>
          html`<table>
            <caption>
              ${storeTitles[store]}
            </caption>
            <thead class="unseen">
              <tr>
                <th scope="col">Check</th>
                <th scope="col">Found</th>
              </tr>
            </thead>
            <tbody>
              ${report.checks
                .filter((check) => check.store === store)
                .map(
                  ({ test, result, pass, detail }) =>
                    html`<tr>
                      <th scope="row">${words(test)}${detail !== "" && html`<small>${detail}</small>`}</th>
                      <td>
                        ${badge(
                          !pass ? "bad" : result === "ALLOWED" ? "warn" : "ok",
                          pass ? passed[result] : failed[result],
                        )}
                      </td>
                    </tr>`,
                )}
            </tbody>
          </table>`,
      )}
    </div>`;
}

const passed: Readonly<Record<Result, string>> = {
  DENIED: "Refused",
  OK: "Works",
  ALLOWED: "Accepted",
  FAILED: "Fails",
  ERROR: "Not proven",
};
const failed = { ...passed, ALLOWED: "Not refused" } as const;

function driftList({ id: tenant, drift }: TenantState, now: string): Html | undefined {
  if (drift === null || drift.findings.length === 0) return undefined;
  const rows = drift.findings.map(
    ({ resource, kind, detail }) =>
      html`<tr>
        <th scope="row">${resource}</th>
        <td>${badge("bad", kind)}</td>
        <td class="text">${detail}</td>
      </tr>`,
  );
  return html`<h3>Drift <small>${ago(drift.at, now)}</small></h3>
    ${table(`Drift of ${tenant}`, "drift", ["Resource", "How", "Difference"], rows)}`;
}

function credentials({ id, credentials: all }: TenantState, now: string): Html {
  const rows = all.map(
    ({ secret, since, rotations, adopted }) =>
      html`<tr>
        <th scope="row">${secretTitles[secret]}</th>
        <td class="number">
          ${
            since === null
              ? html`<span class="none">not known</span>`
              : html`${adopted && "over "}${age(between(since, now))}`
          }
        </td>
        <td>
          ${since === null ? "" : html`${instant(since)}${adopted && html`<small>came with the adopted tenant</small>`}`}
        </td>
        <td class="number">${rotations}</td>
      </tr>`,
  );
  return table(
    `Credentials of ${id}`,
    "credentials",
    ["Secret", numeric("Age"), "Since (UTC)", numeric("Rotations")],
    rows,
  );
}

function timeline(events: readonly TimelineEvent[]): Html {
  if (events.length === 0) return html`<p>Nothing is recorded.</p>`;
  return html`<ol class="timeline">
    ${events.map(({ at, type, sequence, details }) => {
      const said = Object.entries(details).filter(
        ([key, value]) => key !== "component" && value !== null && String(value) !== "",
      );
      return html`<li class="${toneOf(type)}">
        <p>
          ${instant(at)} <b>${words(type.replace(/^TENANT_/, ""))}</b>
          <small>${sequence === null ? "sealed" : html`event ${count(sequence)}`}</small>
        </p>
        ${
          said.length > 0 &&
          html`<dl>
            ${said.map(
              ([key, value]) =>
                html`<div>
                  <dt>${words(key)}</dt>
                  <dd>${String(value)}</dd>
                </div>`,
            )}
          </dl>`
        }
      </li>`;
    })}
  </ol>`;
}

function toneOf(type: string): Tone {
  if (type.endsWith("_FAILED")) return "bad";
  return /SUSPENDED|DEPROVISION|BARRED/.test(type) ? "warn" : "ok";
}
