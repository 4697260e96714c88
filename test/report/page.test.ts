// The page of `tenant report` in a real browser: what it shows of 3 and of 300 tenants, and that it asks nobody for anything.
import axe, { type AxeResults } from "axe-core";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import type { Browser, BrowserContextOptions, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { attention } from "../../cli/report/attention.ts";
import type { Fleet } from "../../cli/report/fleet.ts";
import { page as written } from "../../cli/report/page.ts";
import { localDir } from "../../toolchain/paths.ts";
import { hasBrowser, openBrowser } from "../support/browser.ts";
import { fakeId, markup, withFakeFleet } from "./fake-fleet.ts";

const folder = join(localDir, "test", "pages");
const fileOf = (tenants: number): string => join(folder, `${tenants}.html`);
const fleets = new Map<number, Fleet>();
let browser: Browser | undefined;

beforeAll(async () => {
  mkdirSync(folder, { recursive: true });
  for (const tenants of [3, 45, 300]) {
    const fleet = await withFakeFleet(tenants, async (read) => read());
    fleets.set(tenants, fleet);
    writeFileSync(fileOf(tenants), await written(fleet));
  }
  if (hasBrowser) browser = await openBrowser();
});

afterAll(async () => {
  await browser?.close();
  rmSync(folder, { recursive: true, force: true });
});

interface Opened {
  readonly page: Page;
  /** What the browser complained about, and every address but the page's own. */
  readonly noise: string[];
}

async function opened(tenants: number, options: BrowserContextOptions, at = ""): Promise<Opened> {
  if (browser === undefined) throw new Error("no browser");
  const context = await browser.newContext({ javaScriptEnabled: false, ...options });
  const page = await context.newPage();
  const noise: string[] = [];
  const own = pathToFileURL(fileOf(tenants)).href;
  page.on("console", (message) => noise.push(message.text()));
  page.on("pageerror", (error) => noise.push(error.message));
  page.on("request", (request) => {
    if (request.url().split("#")[0] !== own) noise.push(request.url());
  });
  await page.goto(`${own}${at}`);
  return { page, noise };
}

const narrow = { width: 390, height: 844 };
const wide = { width: 1280, height: 900 };

describe.skipIf(!hasBrowser)("in a browser without JavaScript", () => {
  const views = [
    { tenants: 3, colorScheme: "light", viewport: narrow },
    { tenants: 3, colorScheme: "dark", viewport: wide },
    { tenants: 300, colorScheme: "dark", viewport: narrow },
    { tenants: 300, colorScheme: "light", viewport: wide },
  ] as const;

  it.each(views)(
    "$tenants tenants, $colorScheme, $viewport.width px: nothing overflows, nothing is loaded",
    async ({ tenants, colorScheme, viewport }) => {
      for (const at of ["", `#tenant-${fakeId(1)}`]) {
        const { page, noise } = await opened(tenants, { colorScheme, viewport }, at);
        const [scrollWidth, ground] = await page.evaluate<[number, string]>(
          "[document.documentElement.scrollWidth, getComputedStyle(document.body).backgroundColor]",
        );
        expect(scrollWidth).toBeLessThanOrEqual(viewport.width);
        // The style sheet is in force: its hash is the one that the policy names.
        expect(ground).toBe(colorScheme === "light" ? "rgb(255, 255, 255)" : "rgb(15, 19, 24)");
        expect(noise).toEqual([]);
        await page.context().close();
      }
    },
  );

  it("names are text, whatever is in them", async () => {
    const { page } = await opened(45, {}, `#tenant-${fakeId(1)}`);
    const shown = page.locator(`#tenant-${fakeId(1)}`);
    expect(await shown.innerText()).toContain(markup.replace("\u202e", "\ufffd"));
    expect(await page.locator("script, img, iframe, object, link, [style], [onerror]").count()).toBe(0);
    await page.context().close();
  });

  it("of many tenants shows the one that was chosen, and back", async () => {
    const { page } = await opened(45, { viewport: wide });
    const visible = page.locator("article:visible");
    expect(await visible.count()).toBe(0);
    await page
      .locator(".tenants")
      .getByRole("link", { name: fakeId(5), exact: true })
      .click();
    expect(await visible.count()).toBe(1);
    expect(await visible.locator("h2").innerText()).toBe(fakeId(5));
    expect(await page.locator(".fleet").isVisible()).toBe(false);
    await page.getByRole("link", { name: "All tenants" }).locator("visible=true").click();
    expect(await visible.count()).toBe(0);
    await page.context().close();
  });

  it("shows only those that need attention, or are suspended", async () => {
    const { page } = await opened(45, { viewport: wide });
    const rows = page.locator(".tenants tbody tr:visible");
    expect(await rows.count()).toBe(45);
    const fleet = fleets.get(45) as Fleet;
    const registered = new Set(fleet.tenants.map(({ id }) => id));
    const wanting = new Set(attention(fleet).flatMap(({ tenant }) => (registered.has(tenant) ? [tenant] : [])));
    await page.getByRole("radio", { name: "Needs attention" }).check();
    expect(await rows.count()).toBe(wanting.size);
    await page.getByRole("radio", { name: "Suspended" }).check();
    expect(await rows.count()).toBe(fleet.tenants.filter(({ status }) => status === "suspended").length);
    await page.context().close();
  });

  it("prints the fleet across, and one tenant on its own pages", async () => {
    const { page } = await opened(45, {}, `#tenant-${fakeId(1)}`);
    const pdf = await page.pdf({ preferCSSPageSize: true });
    // A4, upright, and few: not the 44 others.
    expect(pdf.toString("latin1")).toMatch(/\/MediaBox \[0 0 59[45][\d.]* 84[12]/);
    expect([...pdf.toString("latin1").matchAll(/\/Type \/Page\b/g)].length).toBeLessThan(6);
    await page.context().close();
  });
});

describe.skipIf(!hasBrowser)("for everybody", () => {
  const everything = [
    { tenants: 3, colorScheme: "light", at: "" },
    { tenants: 3, colorScheme: "dark", at: "" },
    { tenants: 45, colorScheme: "dark", at: `#tenant-${fakeId(2)}` },
  ] as const;

  it.each(everything)("axe finds nothing: $tenants tenants, $colorScheme $at", async ({ tenants, colorScheme, at }) => {
    const { page } = await opened(tenants, { colorScheme, javaScriptEnabled: true, viewport: wide }, at);
    await page.evaluate(axe.source);
    const { violations, passes } = await page.evaluate<AxeResults>("axe.run()");
    expect(violations.map(({ id, nodes }) => [id, nodes[0]?.html])).toEqual([]);
    expect(passes.map(({ id }) => id)).toContain("color-contrast");
    await page.context().close();
  });
});
