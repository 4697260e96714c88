// The configuration of a stack: every problem reported at once, before anything is touched.
import { RunError } from "@pulumi/pulumi";
import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { parse } from "yaml";
import { z } from "zod";
import { idProblem } from "../components/names.ts";
import { networkProblem, overlap } from "../components/networks.ts";
import type { TenantSettings } from "../components/tenant.ts";
import { settings as serverSettings } from "../providers/clients/servers.ts";

/** The project's namespace in configuration files. */
const namespace = "tenant-storage:";
const stacksDir = fileURLToPath(new URL(".", import.meta.url));

const network = z.string().superRefine((text, context) => {
  const problem = networkProblem(text);
  if (problem !== undefined) context.addIssue({ code: "custom", message: problem });
});
const whole = (least: number, most: number, unit: string) =>
  z
    .number({ error: `must be a whole number of ${unit}` })
    .int()
    .min(least)
    .max(most);
const indexTypes = ["keyword", "integer", "float", "bool", "geo", "datetime", "text", "uuid"] as const;

const schema = z.strictObject({
  id: z.string(),
  network: z.array(network, { error: "must be a list of CIDRs, such as [10.12.0.0/16]" }).default([]),
  octet: z
    .number({ error: "must be a whole number from 0 to 255" })
    .int()
    .min(-1, "must be from 0 to 255; it is the second number of 10.<octet>.0.0/16")
    .max(255, "must be from 0 to 255; it is the second number of 10.<octet>.0.0/16")
    .default(-1),
  operatorNetworks: z
    .array(network)
    .min(1, "needs a network: verification connects from it")
    .default(["127.0.0.0/8", "::1/128"]),
  allowDestroy: z.boolean({ error: "must be true or false" }).default(false),
  postgresqlConnectionLimit: whole(2, 10_000, "connections").default(20),
  postgresqlStatementTimeout: whole(0, 2_147_483_647, "milliseconds").default(0),
  postgresqlTempFileLimit: z
    .string()
    .regex(/^\d+(kB|MB|GB|TB)$/, "must be a number with kB, MB, GB or TB, such as 256MB")
    .default("256MB"),
  bucketQuota: whole(0, Number.MAX_SAFE_INTEGER, "bytes").default(0),
  qdrantVectorSize: whole(1, 65_536, "dimensions").default(768),
  qdrantDistance: z
    .enum(["Cosine", "Dot", "Euclid", "Manhattan"], { error: "must be Cosine, Dot, Euclid or Manhattan" })
    .default("Cosine"),
  qdrantPayloadIndexes: z
    .record(z.string().min(1), z.enum(indexTypes, { error: `must be one of ${indexTypes.join(", ")}` }))
    .default({}),
  qdrantTokenDays: whole(0, 36_500, "days").default(0),
});

/** Turns the engine's strings into the values they stand for. */
function decode(text: string, key: string): unknown {
  if (["id", "postgresqlTempFileLimit", "qdrantDistance"].includes(key)) return text;
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return text;
  }
}

/** The other tenants' networks, as their stack files say. */
function* otherTenants(own: string): Generator<{ file: string; networks: string[] }> {
  for (const file of readdirSync(stacksDir)) {
    const stack = /^Pulumi\.(.+)\.yaml$/.exec(file)?.[1];
    if (stack === undefined || stack === own || stack === "platform") continue;
    const document = parse(readFileSync(`${stacksDir}/${file}`, "utf8")) as { config?: Record<string, unknown> } | null;
    const octet = document?.config?.[`${namespace}octet`];
    const networks = [document?.config?.[`${namespace}network`] ?? []].flat().filter((one) => typeof one === "string");
    if (typeof octet === "number" && octet >= 0) networks.push(`10.${octet}.0.0/16`);
    yield { file, networks: networks.filter((one) => networkProblem(one) === undefined) };
  }
}

function fail(stack: string, problems: readonly string[]): never {
  throw new RunError(
    `stacks/Pulumi.${stack}.yaml cannot be used; nothing was touched.\n` +
      problems.map((problem) => `  - ${problem}`).join("\n") +
      `\nChange it there, or: pulumi config set --stack ${stack} KEY VALUE. Every key: README.md, "Configuration".`,
  );
}

function checkKeys(config: Readonly<Record<string, string>>): Record<string, unknown> {
  const own = Object.entries(config).filter(([key]) => key.startsWith(namespace));
  const serverKeys = new Set<string>(Object.values(serverSettings).map(({ config: key }) => key));
  return Object.fromEntries(
    own
      .map(([key, value]): [string, string] => [key.slice(namespace.length), value])
      .filter(([key]) => !serverKeys.has(key))
      .map(([key, value]) => [key, decode(value, key)]),
  );
}

function problemsOf(error: z.ZodError, given: Record<string, unknown>): string[] {
  return error.issues.map((issue) => {
    if (issue.code === "unrecognized_keys") {
      return `${issue.keys.join(", ")}: no such setting. Known: ${Object.keys(schema.shape).join(", ")}`;
    }
    const field = issue.path.join(".");
    const value = issue.path.reduce<unknown>(
      (at, key) => (at as Record<PropertyKey, unknown> | undefined)?.[key],
      given,
    );
    const shown =
      value === undefined || issue.message.includes(JSON.stringify(value)) ? "" : ` (given: ${JSON.stringify(value)})`;
    return `${field}: ${issue.message}${shown}`;
  });
}

/**
 * The settings of the tenant stack `stack`.
 * @param config every key of the engine's configuration, with its namespace
 * @throws RunError listing every problem: field, what was given, what is allowed.
 */
export function tenantSettings(stack: string, config: Readonly<Record<string, string>>): TenantSettings {
  const given = checkKeys(config);
  const parsed = schema.safeParse(given);
  const problems = parsed.success ? [] : problemsOf(parsed.error, given);
  const id = typeof given["id"] === "string" ? given["id"] : "";
  const wrongId = idProblem(id);
  if (wrongId !== undefined) problems.unshift(`id: ${wrongId}`);
  else if (id !== stack) {
    problems.unshift(
      `id: is ${JSON.stringify(id)}, but the stack is ${JSON.stringify(stack)}: one tenant, one stack of its name`,
    );
  }
  const octet = given["octet"];
  const networks = [given["network"] ?? []].flat().filter((one): one is string => typeof one === "string");
  const usable = networks.filter((one) => networkProblem(one) === undefined);
  if (typeof octet === "number" && octet >= 0 && octet <= 255) usable.push(`10.${octet}.0.0/16`);
  if (networks.length === 0 && (octet === undefined || octet === -1)) {
    problems.push("network: is not set: the tenant's CIDRs, such as [10.12.0.0/16] (or octet: 12)");
  }
  for (const [index, one] of usable.entries()) {
    const twin = usable.slice(0, index).find((other) => other === one || overlap(one, other));
    if (twin !== undefined) problems.push(`network: ${one} and ${twin} of this tenant overlap: keep one`);
  }
  for (const other of otherTenants(stack)) {
    for (const theirs of other.networks) {
      for (const ours of usable.filter((one) => overlap(one, theirs))) {
        problems.push(`network: ${ours} overlaps ${theirs} of stacks/${other.file}: tenants may not share addresses`);
      }
    }
  }
  if (problems.length > 0 || !parsed.success) fail(stack, problems);
  return { ...parsed.data, networks: usable };
}

/** Refuses tenant settings in the platform stack; returns where verification runs. */
export function platformSettings(config: Readonly<Record<string, string>>): { operatorNetworks: readonly string[] } {
  const given = checkKeys(config);
  const parsed = schema.pick({ operatorNetworks: true }).safeParse({ operatorNetworks: given["operatorNetworks"] });
  const problems = parsed.success ? [] : problemsOf(parsed.error, given);
  if (typeof given["id"] === "string" && given["id"] !== "")
    problems.push("id: the platform stack is no tenant: remove it");
  if (problems.length > 0 || !parsed.success) fail("platform", problems);
  return parsed.data;
}
