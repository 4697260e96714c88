// One description of the settings, and what is made of it: the JSON Schema for editors agrees with what the program accepts.
import { Ajv } from "ajv";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { settings as serverSettings } from "../../providers/clients/servers.ts";
import { projectFile, readmeFile } from "../../stacks/documents.ts";
import { settingSchemas } from "../../stacks/schema.ts";
import { root } from "../../toolchain/paths.ts";

const file = (name: string): string => readFileSync(join(root, name), "utf8");
const schema = JSON.parse(file("stacks/tenant.schema.json")) as object;
const ajv = new Ajv({ allErrors: true });
const validate = ajv.compile(schema);

/** What an editor says of a stack file. */
function problems(yaml: string): string[] {
  validate(parse(yaml));
  return (validate.errors ?? []).map(({ instancePath, message = "", params }) =>
    [instancePath, message, (params as { additionalProperty?: string }).additionalProperty ?? ""].join(" "),
  );
}
const config = (...lines: string[]): string => `config:\n${lines.map((line) => `  ${line}\n`).join("")}`;
const acme = ["tenant-storage:id: acme", 'tenant-storage:network: ["10.12.0.0/16"]'];

describe("the JSON Schema of a tenant's file", () => {
  it("is a valid one, and describes every setting", () => {
    expect(ajv.validateSchema(schema)).toBe(true);
    const { definitions } = schema as { definitions: Record<string, { description?: string }> };
    const servers = Object.values(serverSettings).map((one) => one.config);
    expect(Object.keys(definitions)).toEqual([
      ...Object.keys(settingSchemas()),
      ...servers,
      "adopting",
      "adoptedSecrets",
    ]);
    for (const { description } of Object.values(definitions)) expect(description).toMatch(/\.$|\w$/);
  });

  it.each([
    ["the shortest", config(...acme)],
    ["with an octet", config("tenant-storage:id: acme", "tenant-storage:octet: 12")],
    [
      "with what pulumi config set writes",
      config(...acme, 'tenant-storage:bucketQuota: "5"', 'tenant-storage:suspended: "true"'),
    ],
    ["without the project's name", config("id: acme", "octet: 12")],
    ["with keys of other programs", config(...acme, "aws:region: eu-central-1")],
    ["with an encrypted server", config(...acme, "tenant-storage:pgHost:", "  secure: v1:abc")],
    [
      "of an adopted tenant",
      config(...acme, "tenant-storage:adopting: kept", "tenant-storage:adoptedSecrets:", "  secure: v1:a"),
    ],
    [
      "with all there is",
      config(
        ...acme,
        "tenant-storage:qdrantPayloadIndexes: {document_id: keyword}",
        "tenant-storage:rotation: {redis: 1}",
      ),
    ],
    ["with pulumi's own", `${config(...acme)}encryptionsalt: v1:salt\n`],
  ])("takes a file %s", (_, yaml) => {
    expect(problems(yaml)).toEqual([]);
  });

  it.each([
    ["an unknown setting", config(...acme, "tenant-storage:bucketQuotta: 1"), /bucketQuotta$/],
    ["an unknown setting without the project's name", config(...acme, "bucketQuotta: 1"), /bucketQuotta$/],
    ["another type", config(...acme, "tenant-storage:bucketQuota: ten"), /^\/config\/tenant-storage:bucketQuota /],
    ["a number out of bounds", config(...acme, "tenant-storage:octet: 256"), /^\/config\/tenant-storage:octet /],
    ["a word that is none", config(...acme, "tenant-storage:qdrantDistance: cosine"), /qdrantDistance /],
    ["an index type that is none", config(...acme, "tenant-storage:qdrantPayloadIndexes: {a: string}"), /Indexes/],
    ["a secret that is none", config(...acme, "tenant-storage:rotation: {kafka: 1}"), /rotation/],
    ["a server in the clear", config(...acme, "tenant-storage:pgHost: db"), /^\/config\/tenant-storage:pgHost /],
    ["no network", config("tenant-storage:id: acme"), /required property/],
    ["no id", config("tenant-storage:octet: 12"), /required property/],
    ["no configuration", "{}\n", /required property 'config'/],
  ])("refuses %s", (_, yaml, expected) => {
    expect(problems(yaml).join("\n")).toMatch(new RegExp(expected, "m"));
  });

  it("gives editors the same defaults as Pulumi.yaml has", () => {
    const declared = (parse(file("Pulumi.yaml")) as { config: Record<string, { default: unknown }> }).config;
    for (const [key, { default: value }] of Object.entries(settingSchemas()))
      expect(declared[key]?.default).toEqual(value);
  });
});

describe("what is made anew", () => {
  it("keeps a default that a fork has for all its stacks", () => {
    const forked = file("Pulumi.yaml").replace("default: 256MB", "default: 1GB");
    expect(projectFile(forked)).toBe(forked);
  });

  it("gets what is wrong right again, and nothing else", () => {
    const [project, readme] = [file("Pulumi.yaml"), file("README.md")];
    expect(projectFile(project.replace(/description: Bytes the bucket.*\n/, "description: nonsense\n"))).toBe(project);
    expect(projectFile(project.replace(/ {2}bucketQuota:\n(?: {4}.*\n)+/, ""))).toBe(project);
    expect(readmeFile(readme.replace("| `10737418240` |", "| `5` |"))).toBe(readme);
    expect(() => readmeFile("# README\n")).toThrow("lost the place");
  });
});
