// The page: one file, nothing loaded, nothing run.
import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { attention } from "./attention.ts";
import type { Fleet } from "./fleet.ts";
import { fleetView } from "./fleet-view.ts";
import { minutes } from "./format.ts";
import { Html, html } from "./html.ts";
import { tenantView } from "./tenant-view.ts";

/** With more tenants, only the one whose link was followed is shown. */
const shownTogether = 6;

/** The only style that the page may use is its own; it may load and run nothing. */
function policy(style: string): string {
  const hash = createHash("sha256").update(style).digest("base64");
  return `default-src 'none'; style-src 'sha256-${hash}'; base-uri 'none'; form-action 'none'`;
}

/**
 * The whole page.
 * @param live it is served: say so, and where the numbers are
 */
export async function page(fleet: Fleet, live = false): Promise<string> {
  // No newline before or after: the hash is of what stands between the tags.
  const style = (await readFile(new URL("page.css", import.meta.url), "utf8")).trim();
  const many = fleet.tenants.length > shownTogether;
  return html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta http-equiv="Content-Security-Policy" content="${new Html(policy(style))}" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="color-scheme" content="light dark" />
        <meta name="referrer" content="no-referrer" />
        <title>Tenants, ${minutes(fleet.generated_at)} UTC</title>
        ${new Html(`<style>${style}</style>`)}
      </head>
      <body class="${many ? "many" : "few"}" id="top">
        <header class="page">
          <h1>Tenants</h1>
          <p>
            As of <time datetime="${fleet.generated_at}">${minutes(fleet.generated_at)}</time> UTC.
            ${
              live
                ? html`Reload for the present state. Also: <a href="/metrics">metrics</a>,
                    <a href="/fleet.json">JSON</a>.`
                : html`Ages are counted from then. Made by <code>tenant report</code>.`
            }
          </p>
        </header>
        <main>${fleetView(fleet, attention(fleet))} ${fleet.tenants.map((tenant) => tenantView(tenant, fleet))}</main>
      </body>
    </html> `.text;
}
