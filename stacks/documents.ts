// What is said of the settings outside of the code, made from stacks/schema.ts: the project file's configuration, the table of
// README.md, and the JSON Schema for editors.
import { parse, stringify } from "yaml";
import { settings as serverSettings } from "../providers/clients/servers.ts";
import { adoptionKeys } from "./adopted.ts";
import { settingSchemas, type SettingSchema } from "./schema.ts";

/** `[]`, `{}`, `256MB`, `["127.0.0.0/8", "::1/128"]`: on one line. */
function onOneLine(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map((one) => JSON.stringify(one)).join(", ")}]`;
  return typeof value === "object" ? JSON.stringify(value) : stringify(value, { lineWidth: 0 }).trimEnd();
}

/**
 * Pulumi.yaml, with its `config` made anew.
 *
 * A default that differs stays: a fork may have its own for all its stacks.
 */
export function projectFile(now: string): string {
  const { config = {} } = (parse(now) ?? {}) as { config?: Record<string, { default?: unknown }> };
  const entries = Object.entries(settingSchemas()).map(([key, setting]) => {
    const value = config[key]?.default ?? setting.default;
    const items = setting.type === "array" ? "    items:\n      type: string\n" : "";
    const description = stringify(setting.description, { lineWidth: 0 }).trimEnd();
    return `  ${key}:\n    type: ${setting.type}\n${items}    description: ${description}\n    default: ${onOneLine(value)}\n`;
  });
  return now.replace(/^config:\n(?:[ #].*\n|\n)*/m, () => `config:\n${entries.join("")}`);
}

const tableBegin = "<!-- The settings, from stacks/schema.ts: npm run docs -->\n";
const tableEnd = "<!-- End of the settings -->\n";

/** README.md, with its table of settings made anew. */
export function readmeFile(now: string): string {
  const [before, rest] = now.split(tableBegin);
  const after = rest?.split(tableEnd)[1];
  if (before === undefined || after === undefined)
    throw new Error("README.md has lost the place of the settings' table");
  const rows = Object.entries(settingSchemas()).map(([key, setting]) => {
    const shown = isUnset(key, setting) ? "" : `\`${onOneLine(setting.default)}\``;
    return `| \`${key}\` | ${shown} | ${setting.description.replaceAll("|", "\\|")} |\n`;
  });
  return `${before}${tableBegin}\n| key | default | meaning |\n|---|---|---|\n${rows.join("")}\n${tableEnd}${after}`;
}

/** What a tenant has to be given, or has not unless somebody says so. */
const isUnset = (key: string, { default: value }: SettingSchema): boolean =>
  ["id", "network", "octet"].includes(key) || value === "";

/** What `pulumi config set` writes instead of the value itself: a text. */
const asText = {
  integer: "^-?\\d+$",
  boolean: "^(true|false)$",
  array: "^\\[.*\\]$",
  object: "^\\{.*\\}$",
} as const;

function inStackFile({ description, default: value, ...form }: SettingSchema, key: string): object {
  const shown = isUnset(key, { description, default: value, ...form }) ? {} : { default: value };
  if (form.type === "string") return { description, ...shown, ...form };
  return { description, ...shown, anyOf: [form, { type: "string", pattern: asText[form.type] }] };
}

const encrypted = {
  type: "object",
  properties: { secure: { type: "string" } },
  required: ["secure"],
  additionalProperties: false,
};

/** JSON Schema (draft 7) of a tenant's file, stacks/Pulumi.<id>.yaml. */
export function stackFileSchema(): string {
  const settings = Object.entries(settingSchemas());
  const servers = Object.values(serverSettings).map(({ config, env }) => [
    config,
    { ...encrypted, description: `${env}, for this stack alone. Only encrypted: pulumi config set --secret ${config}` },
  ]);
  const adoption = adoptionKeys.map((key) => [
    key,
    { description: "Written by tenant adopt.", ...(key === "adopting" ? { type: "string" } : encrypted) },
  ]);
  const definitions = Object.fromEntries([
    ...settings.map(([key, setting]) => [key, inStackFile(setting, key)]),
    ...servers,
    ...adoption,
  ]) as Record<string, object>;
  const reference = (key: string) => ({ $ref: `#/definitions/${key}` });
  const either = (key: string) => [{ required: [`tenant-storage:${key}`] }, { required: [key] }];
  const keys = Object.keys(definitions);
  return `${JSON.stringify(
    {
      $schema: "http://json-schema.org/draft-07/schema#",
      title: "A tenant: stacks/Pulumi.<id>.yaml",
      $comment: "Made from stacks/schema.ts by npm run docs.",
      type: "object",
      required: ["config"],
      properties: {
        config: {
          type: "object",
          properties: Object.fromEntries(keys.map((key) => [`tenant-storage:${key}`, reference(key)])),
          // Pulumi takes keys without the project's name as the project's; those of other programs are not ours to judge.
          patternProperties: {
            ...Object.fromEntries(keys.map((key) => [`^${key}$`, reference(key)])),
            "^(?!tenant-storage:)[^:]+:": {},
          },
          additionalProperties: false,
          allOf: [{ anyOf: either("id") }, { anyOf: [...either("network"), ...either("octet")] }],
        },
      },
      definitions,
    },
    null,
    2,
  )}\n`;
}
