// Who was tried against whom, and what each store's server answered.
import { words } from "./format.ts";
import type { Fleet, Verification } from "./fleet.ts";
import { html, type Html } from "./html.ts";
import { ago, badge, numeric, table, tenantLink } from "./parts.ts";
import { storeNames } from "./sizes.ts";
import { storeTitles } from "./titles.ts";

const matrixStores = [...storeNames, "encryption"] as const;

export function matrix({ tenants, generated_at: now }: Fleet): Html | undefined {
  const rows = tenants.flatMap((tenant) =>
    tenant.verifications.map(
      (verification) =>
        html`<tr>
          <th scope="row">${tenantLink(tenant.id)}</th>
          <td>${verification.against}</td>
          ${matrixStores.map((store) => html`<td>${matrixCell(verification, store)}</td>`)}
          <td class="number">${ago(verification.at, now)}</td>
        </tr>`,
    ),
  );
  if (rows.length === 0) return undefined;
  const head = ["Tenant", "Tried against", ...matrixStores.map((store) => storeTitles[store]), numeric("When")];
  return html`<section aria-labelledby="isolation">
    <h2 id="isolation">Isolation</h2>
    <p class="lead">
      Each row is one tenant's own credentials, tried by real clients against another tenant's storage. <i>Refused</i>:
      the server itself said no. <i>Works</i>: what has to work did.
    </p>
    ${table("Isolation", "matrix", head, rows)}
  </section>`;
}

function matrixCell({ report }: Verification, store: (typeof matrixStores)[number]): Html {
  const checks = report.checks.filter((check) => check.store === store);
  if (checks.length === 0) return badge("unknown", "Not tried");
  const failed = checks.filter(({ pass }) => !pass);
  const [first] = failed;
  if (first !== undefined) {
    const others = failed.length > 1 ? ` and ${failed.length - 1} more` : "";
    return badge("bad", `${words(first.test)}${others}`);
  }
  const number = (result: string): number => checks.filter((check) => check.result === result).length;
  const parts = [
    [number("DENIED"), "refused"],
    [number("OK"), number("OK") === 1 ? "works" : "work"],
    [number("ALLOWED"), "accepted"],
  ] as const;
  const said = parts.filter(([times]) => times > 0).map(([times, what]) => `${times} ${what}`);
  return badge(number("ALLOWED") > 0 ? "warn" : "ok", said.join(", "));
}
