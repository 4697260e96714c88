// The configuration of a stack: every problem reported at once, before anything is touched.
import { log, RunError } from "@pulumi/pulumi";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parse } from "yaml";
import type { z } from "zod";
import { idProblem } from "../components/names.ts";
import { networkProblem, overlap } from "../components/networks.ts";
import { isPrivateKey } from "../components/recipients.ts";
import type { PlatformArgs } from "../components/platform.ts";
import type { TenantSettings } from "../components/tenant.ts";
import { placementOfPlatform, platformStack } from "../providers/clients/placements.ts";
import { settings as serverSettings, unencryptedSettings } from "../providers/clients/servers.ts";
import { adoptionKeys, adoptionProblems } from "./adopted.ts";
import { settingKeys, settingsSchema, textSettings } from "./schema.ts";
import { similar } from "./similar.ts";

/** The project's namespace in configuration files. */
const namespace = "tenant-storage:";
const stacksDir = fileURLToPath(new URL(".", import.meta.url));

/** Turns the engine's strings into the values they stand for. */
function decode(text: string, key: string): unknown {
  if (textSettings.includes(key)) return text;
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return text;
  }
}

/** What is read beside the stack's configuration. Tests give their own. */
export interface Surroundings {
  /** Where the stacks' files are. */
  readonly folder?: string;
  /** What the settings are, where they are no stack's file: there are no other tenants' files beside them then. */
  readonly title?: string;
  /** The keys that are encrypted, with their namespace. */
  readonly secretKeys?: readonly string[];
  /** Shows what is wrong elsewhere and stops nothing here. */
  readonly warn?: (message: string) => unknown;
}

/** As the language host hands them over: the SDK's own `isConfigSecret` is not public. */
const engineSecretKeys = () => (JSON.parse(process.env["PULUMI_CONFIG_SECRET_KEYS"] || "[]") ?? []) as string[];

/** What a stack's file says of addresses. */
export interface Addresses {
  /** Where the tenant is. */
  readonly networks: readonly string[];
  /** Where its verification runs. */
  readonly operators: readonly string[];
}

/** The addresses of a stack's file; what is wrong in it is that stack's to report. */
function addressesOf(text: string): Addresses {
  const { config } = (parse(text) ?? {}) as { config?: Record<string, unknown> | null };
  // Pulumi takes keys without the project's name as the project's.
  const value = (key: string) => config?.[`${namespace}${key}`] ?? config?.[key];
  const usable = (given: unknown) =>
    [given ?? []].flat().filter((one): one is string => typeof one === "string" && networkProblem(one) === undefined);
  const octet = Number(value("octet") ?? -1);
  return {
    networks: [...usable(value("network")), ...usable(octet >= 0 ? `10.${octet}.0.0/16` : [])],
    operators: usable(value("operatorNetworks")),
  };
}

/** By path: a process that works for many stacks reads the same files for each of them. */
const readBefore = new Map<string, { readonly text: string; readonly addresses: Addresses }>();

/** The addresses of a stack's file. @throws Error when it cannot be read */
function addressesIn(path: string): Addresses {
  const text = readFileSync(path, "utf8");
  const before = readBefore.get(path);
  if (before?.text === text) return before.addresses;
  const addresses = addressesOf(text);
  readBefore.set(path, { text, addresses });
  return addresses;
}

/** The addresses of every other tenant that has a file. */
export function otherAddresses(
  own: string,
  { folder = stacksDir, warn = log.warn }: Surroundings = {},
): (Addresses & { readonly file: string })[] {
  return readdirSync(folder).flatMap((file) => {
    const stack = /^Pulumi\.(.+)\.yaml$/.exec(file)?.[1];
    if (stack === undefined || stack === own || placementOfPlatform(stack) !== undefined) return [];
    try {
      return { ...addressesIn(join(folder, file)), file };
    } catch (cause) {
      // It stops its own stack, not everybody's. If it is deployed, the platform database knows its networks.
      warn(`stacks/${file} cannot be read: ${(cause as Error).message.split("\n")[0]}`);
      return [];
    }
  });
}

/** What of `ours` the other tenants have too, as their stack files say. */
function overlaps(own: string, ours: Addresses, surroundings: Surroundings): string[] {
  return otherAddresses(own, surroundings).flatMap(({ file, ...theirs }) => {
    const shared = (one: readonly string[], other: readonly string[]) =>
      one.flatMap((first) =>
        other.filter((second) => overlap(first, second)).map((second) => [first, second] as const),
      );
    const named = `of stacks/${file}`;
    return [
      ...shared(ours.networks, theirs.networks).map(
        ([mine, other]) => `network: ${mine} overlaps ${other} ${named}: tenants may not share addresses`,
      ),
      // A line of pg_hba.conf lets a tenant's role in from there.
      ...shared(ours.operators, theirs.networks).map(
        ([mine, other]) =>
          `operatorNetworks: ${mine} overlaps the network ${other} ${named}: name the operator's hosts only`,
      ),
      ...shared(ours.networks, theirs.operators).map(
        ([mine, other]) =>
          `network: ${mine} overlaps operatorNetworks ${other} ${named}: those are the operator's hosts`,
      ),
    ];
  });
}

/** What is wrong with a stack's settings. Shown by the engine without a stack trace. */
export class SettingsError extends RunError {
  /** For docs/errors.md. */
  readonly errorCode = "settings-invalid";
  /** One line each. */
  readonly problems: readonly string[];

  constructor(message: string, problems: readonly string[]) {
    super(message);
    this.problems = problems;
  }
}

function fail(stack: string, problems: readonly string[], title?: string): never {
  const help = title === undefined ? ` there, or: pulumi config set --stack ${stack} KEY VALUE` : " in the program";
  throw new SettingsError(
    `${title ?? `stacks/Pulumi.${stack}.yaml`} cannot be used; nothing was touched.\n` +
      problems.map((problem) => `  - ${problem}`).join("\n") +
      `\nChange it${help}. Every key: README.md, "Configuration".`,
    problems,
  );
}

/** The project's settings in `config`, and those that are encrypted, which are never looked at: a message could repeat them. */
function settingsIn(config: Readonly<Record<string, string>>, secretKeys: readonly string[]) {
  const otherKeys: readonly string[] = [...serverKeys, ...adoptionKeys];
  const given: [string, unknown][] = [];
  const encrypted: string[] = [];
  for (const [name, text] of Object.entries(config)) {
    const key = name.slice(namespace.length);
    if (!name.startsWith(namespace) || otherKeys.includes(key)) continue;
    if (secretKeys.includes(name) && Object.hasOwn(settingsSchema.shape, key)) encrypted.push(key);
    else given.push([key, decode(text, key)]);
  }
  const problems = encrypted.map(
    (key) =>
      `${key}: is encrypted, but the setting is no secret: the state would hold it in the clear. Set it without --secret`,
  );
  problems.push(
    ...unencryptedSettings(
      (key) => config[`${namespace}${key}`],
      (key) => secretKeys.includes(`${namespace}${key}`),
    ),
  );
  return { given: Object.fromEntries(given), encrypted, problems };
}

const serverKeys: readonly string[] = Object.values(serverSettings).map((one) => one.config);

function unknownSetting(key: string): string {
  const alike = similar(key, [...settingKeys, ...serverKeys]);
  const help = alike.length > 0 ? `Did you mean ${alike.join(" or ")}?` : `Known: ${settingKeys.join(", ")}`;
  return `${key}: no such setting. ${help}`;
}

function problemsOf(error: z.ZodError, given: Record<string, unknown>): string[] {
  const all = error.issues.flatMap((issue) => {
    if (issue.code === "unrecognized_keys" && issue.path.length === 0) {
      return issue.keys.map(unknownSetting);
    }
    const field = issue.path.join(".");
    const value = issue.path.reduce<unknown>(
      (at, key) => (at as Record<PropertyKey, unknown> | undefined)?.[key],
      given,
    );
    const shown =
      value === undefined ||
      isPrivateKey(JSON.stringify(value)) ||
      (typeof value === "string" && issue.message.includes(JSON.stringify(value)))
        ? ""
        : ` (given: ${JSON.stringify(value)})`;
    return `${field}: ${issue.message}${shown}`;
  });
  return [...new Set(all)];
}

/**
 * The settings of the tenant stack `stack`.
 * @param config every key of the engine's configuration, with its namespace
 * @throws SettingsError listing every problem: field, what was given, what is allowed.
 */
export function tenantSettings(
  stack: string,
  config: Readonly<Record<string, string>>,
  surroundings: Surroundings = {},
): TenantSettings {
  const { secretKeys = engineSecretKeys(), title } = surroundings;
  const { given, encrypted, problems } = settingsIn(config, secretKeys);
  const parsed = settingsSchema.safeParse(given);
  if (!encrypted.includes("id")) problems.push(...idProblems(given["id"], stack));
  if (!parsed.success) problems.push(...problemsOf(parsed.error, given));
  const octet = given["octet"];
  const own = [given["network"] ?? []].flat().filter((one): one is string => typeof one === "string");
  const usable = own.filter((one) => networkProblem(one) === undefined);
  const shorthand = `10.${String(octet)}.0.0/16`;
  if (octet !== undefined && networkProblem(shorthand) === undefined) usable.push(shorthand);
  const unset = ["network", "octet"].every((key) => !encrypted.includes(key)) && (octet === undefined || octet === -1);
  if (unset && [given["network"] ?? []].flat().length === 0) {
    problems.push("network: is not set: the tenant's CIDRs, such as [10.12.0.0/16] (or octet: 12)");
  }
  for (const [index, one] of usable.entries()) {
    const twin = usable.slice(0, index).find((other) => other === one || overlap(one, other));
    if (twin !== undefined) problems.push(`network: ${one} and ${twin} of this tenant overlap: keep one`);
  }
  problems.push(...twiceNamed(given["recipients"]), ...adoptionProblems(stack, config, secretKeys));
  if (parsed.success && parsed.data.suspensionReason !== "" && !parsed.data.suspended) {
    problems.push("suspensionReason: the tenant is not suspended: remove it, or set suspended: true");
  }
  if (parsed.success && parsed.data.qdrantWriteConsistency > parsed.data.qdrantReplicas) {
    const { qdrantReplicas, qdrantWriteConsistency } = parsed.data;
    problems.push(
      `qdrantWriteConsistency: is ${qdrantWriteConsistency}, and qdrantReplicas is ${qdrantReplicas}: a write is taken by as ` +
        `many nodes as have a copy, at most`,
    );
  }
  const operators = parsed.success ? parsed.data.operatorNetworks : [];
  if (title === undefined) problems.push(...overlaps(stack, { networks: usable, operators }, surroundings));
  if (problems.length > 0 || !parsed.success) fail(stack, problems, title);
  return { ...parsed.data, networks: usable };
}

/** A key that is listed twice is mostly one that was meant to be another. */
function twiceNamed(given: unknown): string[] {
  const all = [given ?? []].flat().filter((one): one is string => typeof one === "string" && !isPrivateKey(one));
  const twice = all.filter((one, index) => all.indexOf(one) !== index);
  return [...new Set(twice)].map((one) => `recipients: ${one} is listed more than once: keep one`);
}

function idProblems(given: unknown, stack: string): string[] {
  const id = typeof given === "string" ? given : "";
  const wrong = idProblem(id);
  if (wrong !== undefined) return [`id: ${wrong}`];
  if (id === stack) return [];
  return [`id: is ${JSON.stringify(id)}, but the stack is ${JSON.stringify(stack)}: one tenant, one stack of its name`];
}

/** Refuses tenant settings in the platform stack; returns where verification runs, and for which placement it is. */
export function platformSettings(
  stack: string,
  config: Readonly<Record<string, string>>,
  { secretKeys = engineSecretKeys(), title }: Surroundings = {},
): PlatformArgs {
  const { given, problems } = settingsIn(config, secretKeys);
  // The other settings of tenants are here too: with the project file's defaults.
  const { operatorNetworks, recipients, placement, id } = given;
  const unknown = Object.entries(given).filter(([key]) => !Object.hasOwn(settingsSchema.shape, key));
  const parsed = settingsSchema
    .pick({ operatorNetworks: true, recipients: true, placement: true })
    .safeParse({ operatorNetworks, recipients, placement, ...Object.fromEntries(unknown) });
  if (!parsed.success) problems.push(...problemsOf(parsed.error, given));
  problems.push(...twiceNamed(recipients));
  if (typeof id === "string" && id !== "") problems.push("id: the platform stack is no tenant: remove it");
  const named = placementOfPlatform(stack);
  if (parsed.success && title === undefined && named !== undefined && named !== parsed.data.placement) {
    problems.push(
      `placement: is ${parsed.data.placement}, and the stack ${stack} is that of placement ${named}: set it to ${named}, ` +
        `or use the stack ${platformStack(parsed.data.placement)}`,
    );
  }
  if (problems.length > 0 || !parsed.success) fail(stack, problems, title);
  return parsed.data;
}
