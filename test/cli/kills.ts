// kill -9 at random moments of a tenant's life: of the command, of pulumi, of what pulumi runs, of each store. The next command has
// to converge, and nothing may stay that should not, in any store, in the backend or on the disk.
import { isDeepStrictEqual } from "node:util";
import { describe, expect, it, onTestFailed } from "vitest";
import { storeNames } from "../../local/settings.ts";
import { readIdentities } from "../../providers/clients/age-identities.ts";
import { readCredentials, type Credentials } from "../../providers/clients/credentials.ts";
import { secretFiles } from "../../providers/clients/secrets-dir.ts";
import { answers, refused, works } from "../rotation/answers.ts";
import { until } from "./faults.ts";
import { abandoned, filesNamed, holdings, unfinished, whole, type Holdings } from "./holdings.ts";
import { killAfter, random, victimsOf } from "./victims.ts";
import { editStackFile, everything, remains, startAll, startTenant, tenant } from "./world.ts";

/** Every life has six. `TENANT_KILLS=60 npm test -- cli/tenant -t "at random"` for more. */
const lives = Math.ceil(Number(process.env["TENANT_KILLS"] ?? 6) / 6);
/** In the test's name, so that a failure can be repeated; the moment within a run is never quite the same. */
const seed = Number(process.env["TENANT_KILLS_SEED"] ?? Date.now() % 100_000);

/** Who asked for more than the usual ones watches. */
const tell = (text: string): void => {
  if (process.env["TENANT_KILLS"] !== undefined) process.stdout.write(`  ${text}\n`);
};

/** Milliseconds that each command takes here, as far as it is known: a moment is somewhere in them. */
const took = new Map<string, number>();

/** The names of the credentials in the SOPS file that do not say what they said before. */
const changed = (before: Credentials, after: Credentials): string[] =>
  Object.keys(before).filter((key) => before[key as keyof Credentials] !== after[key as keyof Credentials]);

const command = ([name = ""]: readonly string[]): string => name;

/** Every secret, the key they are encrypted with too. */
const rotate = (id: string): string[] => [
  ...["rotate", id, "--age-key"],
  ...["minio", "postgresql", "qdrant", "redis", "api"].flatMap((secret) => ["--store", secret]),
];

export function killsTests(): void {
  describe("killed", () => {
    it.each(Array.from({ length: lives }, (_, index) => seed + index))(
      "at random moments of its life, seed %i: the next command converges",
      async (life) => {
        const next = random(life);
        const victims = victimsOf(life, next);
        const id = `killed${life}`;
        const { key } = secretFiles(id);
        const secrets = async () => [await readCredentials(id), await readIdentities(key)] as const;
        const before = await everything();
        onTestFailed(({ task }) => tell(`${id} FAILED: ${task.result?.errors?.[0]?.message ?? ""}`));

        /** Runs the command, kills somebody in the middle of it, and lets it end. Returns what happened, for people. */
        const killedIn = async (args: readonly string[]): Promise<string> => {
          const victim = victims.shift() ?? "command";
          const moment = 100 + next() * (took.get(command(args)) ?? 6000) * 0.8;
          const running = startTenant(args);
          const name = await killAfter(moment, victim, running, next);
          const { code, stderr } = await running.ended;
          if ((storeNames as readonly string[]).includes(victim)) await startAll();
          const what = name === undefined ? "nobody" : victim === name ? name : `${victim} (${name})`;
          const story = `${command(args)}: ${what} killed after ${Math.round(moment)} ms, ended with ${code}`;
          tell(`${id} ${story}`);
          // One that could still speak says what to type.
          if (code === 1) expect(stderr, story).toMatch(/npm run tenant -- [a-z]+ killed\d+|pulumi cancel --stack/);
          return `${story}:\n${stderr}`;
        };

        /** Types it again, and looks whether all is as if nobody had been killed. Returns the story so far. */
        const converges = async (args: readonly string[], story: string, holds: () => Promise<Holdings>) => {
          const begun = Date.now();
          const { code, stdout, stderr } = await tenant(args);
          const soFar = `${story}\n--- again:\n${stdout}${stderr}`;
          expect(code, soFar).toBe(0);
          took.set(command(args), Math.max(took.get(command(args)) ?? 0, Date.now() - begun));
          expect(await unfinished(id), soFar).toEqual([]);
          expect(await holdings(id), soFar).toEqual(await holds());
          let verified = await tenant(["verify", id]);
          // Nothing was changed meanwhile: a machine that is busy may make a check wait for longer than it does.
          if (verified.stdout.includes("timeout expired")) verified = await tenant(["verify", id]);
          expect(verified.code, `${soFar}\n--- verify:\n${verified.stdout}${verified.stderr}`).toBe(0);
          return soFar;
        };
        const survives = async (args: readonly string[], holds: () => Promise<Holdings>): Promise<string> =>
          converges(args, await killedIn(args), holds);

        await survives(["provision", id, "--network", `10.98.${life % 256}.0/24`], async () => whole(id));
        editStackFile(id, (text) => text.replace("config:", "config:\n  tenant-storage:postgresqlConnectionLimit: 33"));
        await survives(["provision", id], async () => whole(id));

        // The rotation of everything. At once, whoever reads the file finds a set that works.
        const [first, firstKeys] = await secrets();
        const killed = await killedIn(rotate(id));
        const answer = async () => answers(id, await readCredentials(id));
        await until(async () => isDeepStrictEqual(await answer(), works)).catch(() => undefined);
        expect(await answer(), killed).toEqual(works);
        // Killed at its very end, it is a second rotation.
        const rotated = async () => whole(id, Number((await readCredentials(id)).minio_access_key.split("-").at(-1)));
        const story = await converges(rotate(id), killed, rotated);
        const [second, secondKeys] = await secrets();
        expect(changed(first, second), story).toEqual(Object.keys(first));
        expect(secondKeys, story).toHaveLength(1);
        expect(secondKeys, story).not.toEqual(firstKeys);
        expect(await answers(id, second), story).toEqual(works);
        expect(await answers(id, first), story).toEqual(refused);

        const { qdrant: [collection = ""] = [] } = whole(id);
        const shut = async () => ({ ...(await rotated()), qdrant: [collection] });
        await survives(["suspend", id], shut);
        const letIn = await survives(["resume", id], rotated);
        expect(await answers(id, second), letIn).toEqual(works);

        const removed = await killedIn(["deprovision", id, "--confirm", id]);
        const again = await tenant(["deprovision", id, "--confirm", id]);
        const story2 = `${removed}\n--- again:\n${again.stdout}${again.stderr}`;
        // It may have been gone already.
        if (again.code !== 0) expect(again.stderr, story2).toContain(`There is no tenant ${id}`);
        expect([...(await remains(id)), ...filesNamed(id), ...abandoned(id)], story2).toEqual([]);
        expect(await everything(), story2).toEqual(before);
      },
      900_000,
    );
  });
}
