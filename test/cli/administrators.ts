// The administrators' credentials change: what docs/operations.md says to do, done. Afterwards the old ones open nothing, and
// tenants and commands work.
import { createHash, randomBytes } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { s3Code, minioClient } from "../../providers/clients/minio.ts";
import { openSession, sqlState, withAdmin } from "../../providers/clients/postgresql.ts";
import { httpStatus, qdrantClient } from "../../providers/clients/qdrant.ts";
import { withRedis } from "../../providers/clients/redis.ts";
import { scramVerifier } from "../../providers/clients/scram.ts";
import { servers, type Servers } from "../../providers/clients/servers.ts";
import { changeCredentials, pulumi, stacks, startAll, stop, tenant } from "./world.ts";

const fresh = (): string => randomBytes(32).toString("base64url");

/** The answer of a server, or `done`. */
const answerTo = (work: Promise<unknown>, code: (error: unknown) => unknown): Promise<unknown> =>
  work.then(() => "done", code);

const redisAnswer = (all: Servers): Promise<unknown> =>
  answerTo(
    withRedis(all, (client) => client.ping()),
    (error) => /WRONGPASS/.exec(String((error as Error).message))?.[0],
  );

/** @param bystander a tenant that was there before */
export function administratorsTests(bystander: string): void {
  describe("an administrator's credentials change:", () => {
    const verifies = async (): Promise<void> => {
      const { code, stdout, stderr } = await tenant(["verify", bystander]);
      expect(code, stdout + stderr).toBe(0);
    };

    it("MinIO's root user and password", async () => {
      const old = servers();
      await stop("minio");
      changeCredentials((known) => ({ ...known, minio: { ...known.minio, user: fresh(), password: fresh() } }));
      await startAll();
      expect(await answerTo((await minioClient(old)).listBuckets(), s3Code)).toBe("InvalidAccessKeyId");
      await verifies();
    });

    it("PostgreSQL's superuser's password", async () => {
      const { user, ...old } = servers().postgresql;
      const password = fresh();
      await withAdmin((client) =>
        client.query(`ALTER ROLE ${user} PASSWORD ${client.escapeLiteral(scramVerifier(user, password))}`),
      );
      changeCredentials((known) => ({ ...known, postgresql: { user, password } }));
      const session = openSession(old, { user, password: old.password, database: "postgres" });
      expect(await answerTo(session, sqlState)).toBe("28P01");
      await verifies();
    });

    it("Redis's administrator's password, both valid until the old one is taken away", async () => {
      const old = servers();
      const user = decodeURIComponent(old.redis.url.username);
      const hash = (text: string): string => createHash("sha256").update(text).digest("hex");
      const password = fresh();
      await withRedis(old, (client) => client.call("ACL", "SETUSER", user, `#${hash(password)}`));
      changeCredentials((known) => ({ ...known, redis: { user, password } }));
      expect([await redisAnswer(old), await redisAnswer(servers())]).toEqual(["done", "done"]);
      await withRedis(servers(), async (client) => {
        await client.call("ACL", "SETUSER", user, `!${hash(decodeURIComponent(old.redis.url.password))}`);
        await client.call("ACL", "SAVE");
      });
      expect([await redisAnswer(old), await redisAnswer(servers())]).toEqual(["WRONGPASS", "done"]);
      await verifies();
    });

    it("Qdrant's API key: every token is void until its stack is refreshed and brought up", async () => {
      const old = servers();
      const tokenOf = async (): Promise<string> => {
        const { stdout } = await tenant(["credentials", bystander, "--json"]);
        return (JSON.parse(stdout) as { qdrant: { api_key: string } }).qdrant.api_key;
      };
      const asks = async (token: string): Promise<unknown> =>
        answerTo((await qdrantClient(servers(), token)).getCollection(`tenant_${bystander}`), httpStatus);
      const before = await tokenOf();
      expect(await asks(before)).toBe("done");
      await stop("qdrant");
      changeCredentials((known) => ({ ...known, qdrant: { apiKey: fresh() } }));
      await startAll();
      expect([await asks(before), await asks(old.qdrant.apiKey)]).toEqual([403, 401]);
      expect((await tenant(["verify", bystander])).code).toBe(1);

      for (const stack of ["platform", bystander]) {
        const { code, stdout, stderr } = await pulumi(["up", "--refresh", "--stack", stack, "--yes", "--skip-preview"]);
        expect(code, stdout + stderr).toBe(0);
      }
      expect([await asks(await tokenOf()), await asks(before)]).toEqual(["done", 403]);
      await verifies();
    });

    it("the passphrase of all stacks", async () => {
      const file = process.env["PULUMI_CONFIG_PASSPHRASE_FILE"] ?? "";
      const old = readFileSync(file, "utf8");
      const passphrase = fresh();
      for (const stack of await stacks()) {
        const command = ["stack", "change-secrets-provider", "passphrase", "--stack", stack];
        const { code, stderr } = await pulumi(command, `${passphrase}\n`);
        expect(code, stderr).toBe(0);
      }
      const secret = (): ReturnType<typeof pulumi> =>
        pulumi(["stack", "export", "--show-secrets", "--stack", bystander]);
      expect((await secret()).stderr).toContain("incorrect passphrase");
      writeFileSync(file, `${passphrase}\n`);
      expect((await secret()).code).toBe(0);
      expect(old.trim()).not.toBe(passphrase);
    });

    it("and tenants are made, brought up to date and removed as before", async () => {
      const updated = await tenant(["provision", bystander]);
      expect(updated.code, updated.stderr).toBe(0);
      expect(updated.stdout).toContain("was up to date: nothing changed.");
      const made = await tenant(["provision", "afterwards", "--octet", "83"]);
      expect(made.code, made.stderr).toBe(0);
      expect((await tenant(["deprovision", "afterwards"])).code).toBe(0);
    });
  });
}
