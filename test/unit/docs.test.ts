// What the documents point at exists: a guarantee whose test is gone is none.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { minio } from "../../cli/verify/minio.ts";
import { postgresql } from "../../cli/verify/postgresql.ts";
import { qdrant } from "../../cli/verify/qdrant.ts";
import { redis } from "../../cli/verify/redis.ts";
import { root } from "../../toolchain/paths.ts";

const documents = ["README.md", ...readdirSync(join(root, "docs")).map((name) => `docs/${name}`)];
const text = (document: string): string => readFileSync(join(root, document), "utf8");

it.each(documents)("%s names files that are there", (document) => {
  const named = [
    ...text(document).matchAll(
      /`((?:bench|cli|components|errors|gateway|local|policy|providers|stacks|test|toolchain)\/[\w./-]*)`/g,
    ),
  ];
  const missing = named.map(([, path = ""]) => path).filter((path) => !existsSync(join(root, path)));
  // Stack files are each clone's own.
  expect(missing.filter((path) => !path.startsWith("stacks/Pulumi."))).toEqual([]);
});

it("the security model names tests beside each other that are there", () => {
  const folder = join(root, "test/attacks");
  const named = [...text("docs/security.md").matchAll(/`((?:minio|postgresql|qdrant|redis)[\w-]*\.test\.ts)`/g)];
  expect(named.length).toBeGreaterThan(0);
  expect(named.map(([, file = ""]) => file).filter((file) => !existsSync(join(folder, file)))).toEqual([]);
});

it("the security model names every attack, and checks that verification makes", () => {
  const model = text("docs/security.md");
  const files = readdirSync(join(root, "test/attacks")).filter((file) => file.endsWith(".test.ts"));
  expect(files.filter((file) => !model.includes(file))).toEqual([]);
  const named = [...model.matchAll(/`(minio|postgresql|qdrant|redis)\/(\w+)`((?:, `\w+`)*)/g)].flatMap(
    ([, store, first, rest = ""]) =>
      [first, ...[...rest.matchAll(/`(\w+)`/g)].map(([, name]) => name)].map((name) => `${store}/${name}`),
  );
  const made = [minio, postgresql, qdrant, redis].flatMap(({ store, checks }) =>
    checks.map(({ test }) => `${store}/${test}`),
  );
  expect(named.filter((name) => !made.includes(name))).toEqual([]);
});

it("every npm script's program is there, and README.md says what it does", () => {
  const { scripts } = JSON.parse(text("package.json")) as { scripts: Record<string, string> };
  const programs = Object.values(scripts).map((script) => script.split(" ").find((word) => word.endsWith(".ts")) ?? "");
  expect(programs.filter((program) => !existsSync(join(root, program)))).toEqual([]);
  const documented = documents.map(text).join("");
  const names = Object.keys(scripts).filter((name) => !new RegExp(`npm (run (-s )?)?${name}\\b`).test(documented));
  expect(names).toEqual([]);
});
