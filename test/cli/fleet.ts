// Many tenants by one command.
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, it, vi } from "vitest";
import { marker } from "../../cli/fleet/markdown.ts";
import { withRedis } from "../../providers/clients/redis.ts";
import { servers } from "../../providers/clients/servers.ts";
import {
  checkoutFolder,
  editStackFile,
  prPreview,
  remains,
  secretsFolder,
  sql,
  startTenant,
  temporaryFolder,
  tenant,
} from "./world.ts";

interface Document {
  readonly tenants: readonly {
    readonly id: string;
    readonly outcome: string;
    readonly change?: string;
    readonly error?: { readonly code: string; readonly message: string };
    readonly failed_checks?: readonly string[];
    readonly report_id?: string;
  }[];
  readonly failed: readonly string[];
  readonly not_begun: readonly string[];
  readonly retry: string | null;
  readonly go_on: string | null;
}
const read = (stdout: string): Document => JSON.parse(stdout) as Document;
const outcomes = (stdout: string) => read(stdout).tenants.map(({ id, outcome }) => `${id} ${outcome}`);
/** What follows `npm run tenant --`. */
const typed = (command: string | null): string[] => (command ?? "").replace("npm run tenant -- ", "").split(" ");
const file = (id: string, network: string, labels: string): void =>
  editStackFile(
    id,
    () =>
      `config:\n  tenant-storage:id: ${id}\n  tenant-storage:network: ["${network}"]\n  tenant-storage:labels: ${labels}\n`,
  );

export function fleetTests(bystander: string): void {
  describe("many tenants", () => {
    vi.setConfig({ testTimeout: 600_000 });

    it("are made several at a time, one that fails stops nobody, and the command that is shown does only that one again", async () => {
      file("fleet1", "10.71.0.0/16", "{plan: gold, wave: first}");
      file("fleet2", "10.72.0.0/16", "{plan: gold}");
      file("fleet3", "10.73.0.5/16", "{plan: gold}");
      const { code, stdout, stderr } = await tenant(["up", "--select", "plan=gold", "--parallel", "3", "--json"]);
      expect(outcomes(stdout), stderr).toEqual(["fleet1 done", "fleet2 done", "fleet3 failed"]);
      expect(code).toBe(1);
      const { failed, retry, tenants } = read(stdout);
      expect(tenants[2]?.error).toMatchObject({
        code: "settings-invalid",
        message: expect.stringContaining("network") as string,
      });
      expect({ failed, retry }).toEqual({ failed: ["fleet3"], retry: "npm run tenant -- up fleet3 --parallel 3" });
      expect(stderr).toContain(`Only these again: ${retry}`);
      expect(stderr).toMatch(/^\[\d\/3\] fleet1: provisioned \(/m);

      file("fleet3", "10.73.0.0/16", "{plan: gold}");
      const again = await tenant(typed(retry));
      expect(again.code, again.stderr).toBe(0);
      expect(again.stdout).toMatch(/│ ✓ │ fleet3 │ provisioned │/);
    });

    it("are verified by label; when the canary fails, nobody else is begun", async () => {
      const well = await tenant(["verify", "--select", "plan=gold,wave!=first", "--parallel", "1", "--json"]);
      expect(outcomes(well.stdout), well.stderr).toEqual(["fleet2 done", "fleet3 done"]);
      await sql("ALTER ROLE tenant_fleet1_user NOLOGIN");
      const badly = await tenant(["verify", "--all", "--canary", "fleet1", "--json"]).finally(() =>
        sql("ALTER ROLE tenant_fleet1_user LOGIN"),
      );
      expect(badly.code).toBe(1);
      const { tenants, failed, not_begun, go_on } = read(badly.stdout);
      expect(tenants[0]?.failed_checks?.join()).toContain("postgresql");
      expect(failed).toEqual(["fleet1"]);
      expect(not_begun).toEqual(expect.arrayContaining([bystander, "fleet2", "fleet3"]));
      expect(go_on).toContain("npm run tenant -- verify ");
    });

    it("wrong requests are refused before anything is done", async () => {
      const refused = async (...args: readonly string[]) => {
        const { code, stderr } = await tenant(args);
        expect(code).toBe(1);
        return stderr;
      };
      expect(await refused("up")).toContain("No tenant is named");
      expect(await refused("up", "fleet1", "--all")).toContain("ids and --all exclude each other");
      expect(await refused("up", "fleet9", "hooli")).toMatch(/fleet9 has no stacks.*did you mean fleet1.*hooli has no/);
      expect(await refused("verify", "--select", "plan=silver")).toContain(
        "Labels that there are: plan=gold, wave=first",
      );
      expect(await refused("verify", "--select", "plan=gold", "--canary", bystander)).toContain(
        "is none of the tenants",
      );
      expect(await refused("up", "--changed-since", "nosuch")).toMatch(/Code: git-range/);
    });

    it("a pull request's comment has what changes, the same at every run; a changed label verifies nothing again", async () => {
      const git = (...args: readonly string[]) =>
        execFileSync("git", ["-c", "user.name=a", "-c", "user.email=a@b.example", ...args], {
          cwd: checkoutFolder,
          stdio: "pipe",
        });
      try {
        git("init", "-qb", "main");
        git("add", "-A");
        git("commit", "-qm", "main");
        git("checkout", "-qb", "topic");
        editStackFile("fleet1", (text) => text.replace("wave: first", "wave: second"));
        editStackFile("fleet2", (text) => text.replace("{plan: gold}", "{plan: gold, wave: second}"));
        git("commit", "-qam", "labels");
        const target = join(temporaryFolder, "made", "preview.md");
        const args = ["preview", "--changed-since", "main", "--markdown"];
        const one = await prPreview(["--base", "main", "--output", target]);
        expect(one.code, one.stderr).toBe(0);
        const text = readFileSync(target, "utf8");
        expect(text.split("\n")[0]).toBe(marker);
        expect(text).toContain("Stack files changed: fleet1, fleet2.");
        expect(text).toMatch(/^\| fleet1 \| 0 \| 1 \| 0 \| 0 \| \d+ \| passes \|$/m);
        expect(text).toContain(
          '~ RegistryRow fleet1 (update)\n-     labels.wave: "first"\n+     labels.wave: "second"\n',
        );
        expect(text).not.toContain("fleet3");
        expect((await tenant([...args, "--parallel", "1"])).stdout).toBe(text);

        const summary = await tenant(["preview", "--changed-since", "main", "--summary"]);
        expect(summary.stdout).toMatch(/│ update │ RegistryRow │ labels +│ 2 +│ 2 +│ fleet1, fleet2/);

        const before = read((await tenant(["verify", "fleet1", "fleet2", "--json"])).stdout);
        const up = await tenant(["up", "--changed-since", "main", "--json"]);
        expect(
          read(up.stdout).tenants.map(({ id, change }) => [id, change]),
          up.stderr,
        ).toEqual([
          ["fleet1", "updated"],
          ["fleet2", "updated"],
        ]);
        const listed = JSON.parse((await tenant(["list", "--select", "wave=second", "--json"])).stdout) as {
          id: string;
          verified_at: string;
        }[];
        expect(listed.map(({ id }) => id)).toEqual(["fleet1", "fleet2"]);
        // The registration rests on the verification of before.
        expect(before.tenants.map(({ report_id }) => report_id)).not.toContain(undefined);
      } finally {
        rmSync(join(checkoutFolder, ".git"), { recursive: true, force: true });
      }
    });

    it("after Ctrl-C what runs is taken back, the rest is not begun, and the commands that are shown finish it", async () => {
      file("fleet4", "10.74.0.0/16", "{plan: gold}");
      const run = startTenant(["up", "fleet4", "fleet1", "fleet2", "--parallel", "1", "--json"]);
      while (!existsSync(secretsFolder("fleet4"))) await sleep(50);
      process.kill(run.pid, "SIGINT");
      const { code, stdout, stderr } = await run.ended;
      expect(code).toBe(1);
      expect(outcomes(stdout), stderr).toEqual(["fleet4 failed", "fleet1 not begun", "fleet2 not begun"]);
      expect(stderr).toContain("Interrupted: what runs comes to its end or is taken back");
      // Its file was there before, and stays.
      expect(await remains("fleet4")).toEqual(["stack file"]);
      const { retry, go_on } = read(stdout);
      const all = await Promise.all([tenant(typed(retry)), tenant(typed(go_on))]);
      expect(
        all.map((one) => one.code),
        all.map((one) => one.stderr).join("\n"),
      ).toEqual([0, 0]);
    });

    it("are rotated, and deleted only when the confirmation names exactly them", async () => {
      const rotated = await tenant(["rotate", "fleet1", "fleet2", "--store", "api", "--json"]);
      expect(outcomes(rotated.stdout), rotated.stderr).toEqual(["fleet1 done", "fleet2 done"]);

      await withRedis(servers(), (client) => client.set("tenant:fleet1:cache:one", "kept"));
      const asked = await tenant(["destroy", "--select", "plan=gold"]);
      expect(asked.code).toBe(1);
      expect(asked.stderr).toMatch(/│ fleet1 │ 0 objects, 0 tables, 0 points, 1 keys +│/);
      expect(asked.stderr).toContain(
        "To delete them: npm run tenant -- destroy --select 'plan=gold' --confirm fleet1,fleet2,fleet3,fleet4",
      );
      for (const wrong of ["fleet1", "4", "fleet1,fleet2,fleet3", "yes"]) {
        const { code, stderr } = await tenant(["destroy", "--select", "plan=gold", "--confirm", wrong]);
        expect(code).toBe(1);
        expect(stderr).toContain("does not name these tenants. Nothing was deleted.");
      }
      expect(await withRedis(servers(), (client) => client.get("tenant:fleet1:cache:one"))).toBe("kept");

      const gone = await tenant([
        "destroy",
        "--select",
        "plan=gold",
        "--confirm",
        "fleet4,fleet3,fleet2,fleet1",
        "--json",
      ]);
      expect(outcomes(gone.stdout), gone.stderr).toEqual(["fleet1 done", "fleet2 done", "fleet3 done", "fleet4 done"]);
      expect((await Promise.all(["fleet1", "fleet2", "fleet3", "fleet4"].map(remains))).flat()).toEqual([]);
      expect((await tenant(["verify", bystander])).code).toBe(0);
    });
  });
}
