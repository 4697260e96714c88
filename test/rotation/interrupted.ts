// A rotation that is killed, or fails: the credentials of the SOPS file work at once, and the same command finishes it.
import { spawn } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { setTimeout } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { tenantNames } from "../../components/names.ts";
import type { Secret } from "../../components/rotation.ts";
import { minioAdminGet, minioClient } from "../../providers/clients/minio.ts";
import { readCredentials, type Credentials } from "../../providers/clients/credentials.ts";
import { withAdmin } from "../../providers/clients/postgresql.ts";
import { secretFiles } from "../../providers/clients/secrets-dir.ts";
import { servers } from "../../providers/clients/servers.ts";
import { childrenOf, named } from "../support/processes.ts";
import { checkout, pulumi, run } from "../support/pulumi.ts";
import { answers, refused, works } from "./answers.ts";

interface Case {
  readonly secret: Exclude<Secret, "age" | "api">;
  readonly entries: readonly (keyof Credentials)[];
  /** What happens, for people. */
  readonly when: string;
  /** Lets the rotation begin and go wrong; returns what undoes that, when anything has to be undone. */
  readonly goWrong: (id: string) => Promise<(() => Promise<unknown>) | undefined>;
  /** Which credentials are in the file then. */
  readonly published: "old" | "new";
  /** Whether the old ones still work. */
  readonly oldWorks: boolean;
}

const cases: readonly Case[] = [
  {
    secret: "qdrant",
    entries: ["qdrant_api_key"],
    when: "pulumi is killed before the handover",
    goWrong: (id) => killed(id, "qdrant", "pulumi", async () => existsSync(secretFiles(id).staged)),
    published: "old",
    oldWorks: true,
  },
  {
    secret: "postgresql",
    entries: ["postgres_password"],
    when: "command and pulumi are killed after the handover",
    async goWrong(id) {
      const before = readFileSync(secretFiles(id).encrypted, "utf8");
      const isPublished = async (): Promise<boolean> => readFileSync(secretFiles(id).encrypted, "utf8") !== before;
      return killed(id, "postgresql", "both", isPublished);
    },
    published: "new",
    oldWorks: false,
  },
  {
    secret: "minio",
    entries: ["minio_access_key", "minio_secret_key"],
    when: "pulumi is killed while the old ones end",
    async goWrong(id) {
      const { minio_access_key: accessKey } = await readCredentials(id);
      const admin = await minioClient(servers());
      // The user loses its policy first.
      const isEnding = async (): Promise<boolean> => {
        const user = (await minioAdminGet(admin, "user-info", { accessKey })) as { policyName?: string } | undefined;
        return !user?.policyName;
      };
      return killed(id, "minio", "pulumi", isEnding);
    },
    published: "new",
    oldWorks: false,
  },
  {
    secret: "redis",
    entries: ["redis_password"],
    when: "the verification fails",
    async goWrong(id) {
      const alter = (what: string) => withAdmin((client) => client.query(`ALTER ROLE ${tenantNames(id).role} ${what}`));
      await alter("CREATEDB");
      const { code, stderr } = await tenant(id, "--store", "redis");
      expect(code, stderr).toBe(1);
      expect(stderr).toContain(`Updating tenant ${id} failed at step 8, verification`);
      expect(stderr).toContain(
        `The credentials that work are those in the SOPS file: npm run tenant -- credentials ${id}`,
      );
      return () => alter("NOCREATEDB");
    },
    published: "new",
    oldWorks: true,
  },
];

const tenant = (id: string, ...args: string[]) => run(process.execPath, ["cli/tenant.ts", "rotate", id, ...args]);

/** Begins to rotate the secret, and kills when the moment has come. */
async function killed(
  id: string,
  secret: Secret,
  whom: "pulumi" | "both",
  moment: () => Promise<boolean>,
): Promise<undefined> {
  const command = spawn(process.execPath, ["cli/tenant.ts", "rotate", id, "--store", secret], {
    cwd: checkout(),
    stdio: "ignore",
  });
  const ended = new Promise<number | null>((done) => command.on("close", done));
  while (!(await moment())) {
    if (command.exitCode !== null) throw new Error(`it ended with ${command.exitCode} before it was to be killed`);
    await setTimeout(5);
  }
  const pid = command.pid ?? 0;
  const engine = childrenOf(pid).find((child) => named(child) === "pulumi");
  if (engine === undefined) throw new Error("pulumi had ended before it was to be killed");
  for (const victim of whom === "both" ? [pid, engine] : [engine]) process.kill(victim, "SIGKILL");
  expect(await ended).not.toBe(0);
}

/** Resources that were replaced and are not deleted. */
async function ending(id: string): Promise<string[]> {
  const { stdout } = await pulumi(["stack", "export", "--stack", id]);
  const { deployment } = JSON.parse(stdout) as { deployment: { resources: { urn: string; delete?: boolean }[] } };
  return deployment.resources.filter((one) => one.delete === true).map(({ urn }) => urn);
}

export function interruptedTests(id: string): void {
  describe.each(cases)("$secret alone, and $when:", ({ secret, entries, goWrong, published, oldWorks }) => {
    it("the credentials of the file work, and the same command finishes it", async () => {
      const before = await readCredentials(id);
      const undo = await goWrong(id);

      const then = await readCredentials(id);
      expect(await answers(id, then)).toEqual(works);
      if (published === "old") expect(then).toEqual(before);
      else expect(entries.filter((entry) => then[entry] === before[entry])).toEqual([]);
      expect((await answers(id, before))[secret] === "works").toBe(oldWorks);

      await undo?.();
      const { code, stdout, stderr } = await tenant(id, "--json");
      expect(code, stderr).toBe(0);
      expect(JSON.parse(stdout)).toMatchObject({ tenant_id: id, outcome: "finished" });
      const after = await readCredentials(id);
      const changed = Object.keys(after).filter(
        (key) => after[key as keyof Credentials] !== before[key as keyof Credentials],
      );
      expect(changed).toEqual(entries);
      if (published === "new") expect(after).toEqual(then);
      expect(await answers(id, after)).toEqual(works);
      expect(await answers(id, before)).toEqual({ ...works, [secret]: refused[secret] });
      expect(await ending(id)).toEqual([]);
      expect(existsSync(secretFiles(id).staged)).toBe(false);
    }, 120_000);
  });
}
