// Exports against whoever can write where they lie, other tenants, other users of the machine, and the tenant that is exported.
import { Decrypter } from "age-encryption";
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ownKey } from "../../cli/snapshot/keys-at-hand.ts";
import { exportTenant, type Exported } from "../../cli/snapshot/export.ts";
import { sha256, type Manifest } from "../../cli/snapshot/manifest.ts";
import { restoreTenant } from "../../cli/snapshot/restore.ts";
import { encrypted } from "../../cli/snapshot/streams.ts";
import { tenantNames } from "../../components/names.ts";
import { decryptCredentials } from "../../providers/clients/credentials.ts";
import { minioClient } from "../../providers/clients/minio.ts";
import { withAdmin } from "../../providers/clients/postgresql.ts";
import { withRedis } from "../../providers/clients/redis.ts";
import { secretFiles } from "../../providers/clients/secrets-dir.ts";
import { servers } from "../../providers/clients/servers.ts";
import { countData } from "../../providers/clients/traces.ts";
import { localDir } from "../../toolchain/paths.ts";
import { makeTenant, removeTenant } from "../support/hand-made-tenant.ts";
import { observe } from "../support/observer.ts";
import { platformUp } from "../support/platform.ts";
import { layTraps } from "../support/postgresql-traps.ts";
import { asRole, qdrantText } from "../support/rich-tenant.ts";
import { filesIn, SecretScan, type Secret } from "../support/secret-scan.ts";
import { administrators, secretsOf } from "../support/secrets.ts";

const [id, other] = ["snapvictim", "snapother"];
const names = tenantNames(id);
const quiet = { news: () => undefined, amount: () => undefined };
// Of the checkout's file system: the observer keeps what appears there under a second name.
const folder = mkdtempSync(join(localDir, "snapshot-"));
const temporary = join(folder, "tmp");
const place = join(folder, "export");
const before = process.env["TMPDIR"];
/** What the tenant has, by where: none of it may be on the disk in the clear. */
const data: Secret[] = ["object", "object-name", "row", "payload", "key", "value"].map((name) => ({
  name,
  value: `${name}-Zq7RkW9pX2mT5vB8nY3c`,
}));
const of = (name: string): string => data.find((one) => one.name === name)?.value ?? "";
let exported: Exported;
let scan: SecretScan;
let observed: Awaited<ReturnType<Awaited<ReturnType<typeof observe>>["end"]>>;

async function fill(): Promise<void> {
  const s3 = await minioClient(servers());
  await s3.putObject(names.bucket, of("object-name"), of("object"));
  await qdrantText(
    "PUT",
    `/collections/${names.collection}/points?wait=true`,
    `{"points":[{"id":1,"vector":[1,0,0,0,0,0,0,0],"payload":{"a":"${of("payload")}"}}]}`,
  );
  await withRedis(servers(), (client) => client.set(names.keyPrefix + of("key"), of("value")));
  await asRole(id, async (client) => {
    await layTraps(client, names.role, servers().postgresql.user);
    // Who runs it is written down, without a row more or less; a superuser would make the tenant one.
    await client.query(`
      CREATE SEQUENCE public.run_by_superuser; CREATE SEQUENCE public.run_by_tenant;
      CREATE FUNCTION public.tell() RETURNS void LANGUAGE plpgsql AS $$ BEGIN
        IF (SELECT rolsuper FROM pg_catalog.pg_roles WHERE rolname = current_user) THEN
          PERFORM nextval('public.run_by_superuser'); ALTER ROLE ${names.role} SUPERUSER;
        ELSE PERFORM nextval('public.run_by_tenant'); END IF;
      END $$;
      CREATE FUNCTION public.on_text(x text) RETURNS text IMMUTABLE LANGUAGE plpgsql AS $$ BEGIN
        PERFORM public.tell(); RETURN x;
      END $$`);
    await client.query(`
      CREATE DOMAIN checked AS text CHECK (public.on_text(VALUE) IS NOT NULL);
      CREATE TABLE rows (id int PRIMARY KEY, text text DEFAULT public.on_text('d'), other checked,
        made text GENERATED ALWAYS AS (public.on_text(text)) STORED, CHECK (public.on_text(text) IS NOT NULL));
      CREATE INDEX ON rows (public.on_text(text)) WHERE public.on_text(text) <> '';
      CREATE STATISTICS guessed ON (public.on_text(text)), id FROM rows;
      CREATE VIEW looking AS SELECT public.on_text(text) FROM rows;
      CREATE MATERIALIZED VIEW looked AS SELECT public.on_text(text) FROM rows;
      CREATE FUNCTION public.on_row() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM public.on_text(''t''); RETURN NEW; END';
      CREATE TRIGGER on_row BEFORE INSERT ON rows FOR EACH ROW EXECUTE FUNCTION public.on_row();
      ALTER TABLE rows ENABLE ROW LEVEL SECURITY; ALTER TABLE rows FORCE ROW LEVEL SECURITY;
      CREATE POLICY mine ON rows USING (public.on_text(text) IS NOT NULL);
      CREATE RULE also AS ON UPDATE TO rows DO ALSO SELECT public.on_text('r');
    `);
    await client.query("INSERT INTO rows (id, text, other) VALUES (1, $1, 'o')", [of("row")]);
  });
}

beforeAll(async () => {
  await platformUp();
  await Promise.all([makeTenant(id), makeTenant(other)]);
  await fill();
  ranBefore = await runs(names.database);
  const secrets = [...administrators(), ...(await secretsOf(id))];
  scan = new SecretScan([...data, ...secrets]);
  const observer = await observe(temporary, join(folder, "kept"));
  process.env["TMPDIR"] = temporary;
  exported = await exportTenant(id, place, quiet);
  observed = await observer.end();
});
afterAll(async () => {
  if (before === undefined) delete process.env["TMPDIR"];
  else process.env["TMPDIR"] = before;
  for (const tenant of [id, other]) await removeTenant(tenant);
  rmSync(folder, { recursive: true });
});

const superusers = async (): Promise<unknown> =>
  (await withAdmin((client) => client.query("SELECT rolname FROM pg_roles WHERE rolsuper AND rolname LIKE 'tenant%'")))
    .rows;
/** How often the tenant's code ran, by whom. */
async function runs(database: string) {
  const { rows } = await withAdmin(
    (client) =>
      client.query<{ superuser: number | null; tenant: number; trapped: number }>(
        `SELECT (SELECT last_value::int FROM pg_sequences WHERE sequencename = 'run_by_superuser') AS superuser,
                (SELECT last_value::int FROM pg_sequences WHERE sequencename = 'run_by_tenant') AS tenant,
                (SELECT count(*)::int FROM public.trapped) AS trapped`,
      ),
    database,
  );
  return rows[0];
}
let ranBefore: Awaited<ReturnType<typeof runs>>;

describe("the tenant's data and secrets are not in the clear", () => {
  it("in the export, in temporary files, or in the records of how far it came", () => {
    const files = [place, temporary, join(folder, "kept"), join(localDir, "snapshots")].flatMap((path) => [
      ...filesIn(path),
    ]);
    expect(files.length).toBeGreaterThan(4);
    expect(files.flatMap((file) => scan.inFile(file))).toEqual([]);
  });

  it("in the arguments of any process; pg_dump gets its password by its environment", () => {
    const lines = observed.commandLines.filter((line) => line.includes("pg_dump"));
    expect(lines.join("\n")).toContain("--format=custom");
    expect(observed.commandLines.flatMap((line) => scan.in("arguments", line))).toEqual([]);
    expect(observed.environments.some((one) => one.includes("PGAPPNAME=tenant-storage"))).toBe(true);
  });
});

describe("the tenant's code", () => {
  it("did not run while the tenant was exported", async () => {
    expect(ranBefore).toMatchObject({ superuser: null, trapped: 0 });
    expect(ranBefore?.tenant).toBeGreaterThan(3);
    expect(await runs(names.database)).toEqual(ranBefore);
    expect(await superusers()).toEqual([]);
  });

  it("runs as the tenant's own role while it is restored, and makes nobody a superuser", async () => {
    await restoreTenant(id, place, quiet, { as: other });
    const after = await runs(tenantNames(other).database);
    expect(after).toMatchObject({ superuser: null, trapped: 0 });
    expect(after?.tenant).toBeGreaterThan(ranBefore?.tenant ?? Infinity);
    expect(await superusers()).toEqual([]);
    const { rows } = await withAdmin(
      (client) => client.query("SELECT id, text, made FROM public.rows"),
      tenantNames(other).database,
    );
    expect(rows).toEqual([{ id: 1, text: of("row"), made: of("row") }]);
    await makeTenant(other);
  });
});

describe("an export", () => {
  it("opens for the tenant's key, and for no other tenant's", async () => {
    const { parts } = JSON.parse(readFileSync(join(place, "manifest.json"), "utf8")) as Manifest;
    const opens = async (tenant: string, file: string) => {
      const decrypter = new Decrypter();
      decrypter.addIdentity((await ownKey(tenant))?.identity ?? "");
      return decrypter.decrypt(readFileSync(join(place, file)));
    };
    for (const { name } of parts) {
      expect((await opens(id, name)).length).toBeGreaterThan(0);
      await expect(opens(other, name)).rejects.toThrow("no identity matched");
    }
    await expect(restoreTenant(id, place, quiet, { as: other, identity: secretFiles(other).key })).rejects.toThrow(
      /snapother\/key\.age is none of them\. Nothing was touched/,
    );
  });

  it("holds no credential: who is restored has those it was made with", async () => {
    const own = await decryptCredentials(readFileSync(secretFiles(other).encrypted, "utf8"), secretFiles(other).key);
    expect(scan.in("own", JSON.stringify(own))).toEqual([]);
  });
});

describe("whoever can write where an export lies", () => {
  const altered = (change: (copy: string, manifest: Manifest) => void | Promise<void>) => async () => {
    const copy = mkdtempSync(join(tmpdir(), "altered-"));
    cpSync(place, copy, { recursive: true });
    await change(copy, JSON.parse(readFileSync(join(copy, "manifest.json"), "utf8")) as Manifest);
    await restoreTenant(id, copy, quiet, { as: other });
  };
  const write = (copy: string, manifest: Manifest) =>
    writeFileSync(join(copy, "manifest.json"), JSON.stringify(manifest));
  const [part = ""] = ["postgresql-00001.dump.age"];

  it.each<[string, Parameters<typeof altered>[0], RegExp]>([
    [
      "changes a byte",
      (copy) => {
        const bytes = readFileSync(join(copy, part));
        bytes[bytes.length - 5] = 255 - (bytes[bytes.length - 5] ?? 0);
        writeFileSync(join(copy, part), bytes);
      },
      /cannot be used: postgresql-00001\.dump\.age is not what the manifest says/,
    ],
    ["cuts one off", (copy) => writeFileSync(join(copy, part), "age"), /not whole: postgresql-00001\.dump\.age/],
    ["takes one away", (copy) => rmSync(join(copy, part)), /not whole: postgresql-00001\.dump\.age missing/],
    [
      "leaves one out of the manifest",
      (copy, manifest) => write(copy, { ...manifest, parts: manifest.parts.filter(({ name }) => name !== part) }),
      /audit log knows no export of tenant snapvictim with checksum/,
    ],
    [
      "names a file elsewhere",
      (copy, manifest) =>
        write(copy, { ...manifest, parts: manifest.parts.map((one) => ({ ...one, name: "../../key.age" })) }),
      /no manifest that this checkout knows: parts\.0\.name/,
    ],
    [
      "encrypts another content to the tenant's public key",
      async (copy, manifest) => {
        async function* forged() {
          yield Buffer.from("forged");
        }
        const pieces: Uint8Array[] = [];
        for await (const piece of encrypted(forged(), manifest.recipients)) pieces.push(piece);
        const bytes = Buffer.concat(pieces);
        writeFileSync(join(copy, part), bytes);
        const own = { bytes: bytes.length, sha256: sha256(bytes) };
        write(copy, {
          ...manifest,
          parts: manifest.parts.map((one) => (one.name === part ? { ...one, ...own } : one)),
        });
      },
      /audit log knows no export of tenant snapvictim with checksum .* made up by somebody who can write/,
    ],
    [
      "says it is another tenant's",
      (copy, manifest) => write(copy, { ...manifest, tenant: other }),
      /is an export of tenant snapother, not of snapvictim/,
    ],
  ])("and %s is noticed before anything is restored", async (_what, change, message) => {
    await expect(altered(change)()).rejects.toThrow(message);
    expect(await countData(tenantNames(other), servers())).toEqual({ objects: 0, tables: 0, points: 0, keys: 0 });
  });

  it("cannot have another manifest taken for the one whose checksum was written down", async () => {
    await expect(restoreTenant(id, place, quiet, { as: other, checksum: "0".repeat(64) })).rejects.toThrow(
      `is not the export of --checksum ${"0".repeat(64)}: its own is ${exported.checksum}`,
    );
  });

  it("reads no file names: folder and files are the operator's alone", () => {
    expect(readdirSync(place).every((name) => /^(manifest\.json|[a-z]+-\d{5}\.[a-z.]+\.age)$/.test(name))).toBe(true);
  });
});
