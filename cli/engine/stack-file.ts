// A tenant's stack file, stacks/Pulumi.<id>.yaml: what provision writes there, and how it is put back.
import { readFileSync, rmSync } from "node:fs";
import { isMap, parseDocument, type Document } from "yaml";
import type { Labels } from "../../components/labels.ts";
import { idProblem } from "../../components/names.ts";
import type { Rotations } from "../../components/rotation.ts";
import type { TenantSettings } from "../../components/tenant.ts";
import { writeAtomically } from "../../providers/clients/files.ts";
import type { SettingsError } from "../../stacks/config.ts";
import { stackFile } from "../environment.ts";
import { Problem } from "../errors.ts";

/** What provision is asked for. */
export interface TenantRequest {
  /** CIDRs; none: those the file has. */
  readonly networks: readonly string[];
  /** The plan's shorthand for 10.<octet>.0.0/16. */
  readonly octet?: string;
  /** Other settings by key; undefined takes one out. */
  readonly settings?: Readonly<Record<string, unknown>>;
}

/** What suspend and resume ask for. */
export interface SuspensionRequest {
  readonly suspended: boolean;
  /** undefined: the one the file has. */
  readonly reason?: string | undefined;
}

/** A change of a stack file. */
export interface StackFileEdit {
  readonly id: string;
  /** undefined: there was no file. */
  readonly before: string | undefined;
  readonly after: string;
  /** The command line that asks for the same again. */
  readonly again: string;
}

const key = (name: string): string => `tenant-storage:${name}`;

function readFile(id: string): string | undefined {
  try {
    return readFileSync(stackFile(id), "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}

/** Has editors check and complete the file (yaml-language-server). */
const schemaLine = " yaml-language-server: $schema=tenant.schema.json";

/** Sets what was asked for; every other setting, comment and salt of the file stays. */
function edited(id: string, before: string | undefined, { networks, octet, settings = {} }: TenantRequest): Document {
  const document = parseDocument(before ?? "");
  const broken = document.errors[0];
  if (broken !== undefined)
    throw new Problem("stack-file", `stacks/Pulumi.${id}.yaml is no YAML: ${broken.message}. Nothing was touched.`);
  // A file of this program's; of one that is there, the comments are somebody's.
  if (before === undefined) document.commentBefore = schemaLine;
  if (document.get("config") === null) document.delete("config");
  if (document.getIn(["config", key("id")]) !== id) document.setIn(["config", key("id")], id);
  if (networks.length > 0) document.setIn(["config", key("network")], document.createNode([...networks]));
  // Not a number: reported with all other problems.
  if (octet !== undefined) document.setIn(["config", key("octet")], /^-?\d+$/.test(octet) ? Number(octet) : octet);
  for (const [name, value] of Object.entries(settings)) setSetting(document, name, value);
  return document;
}

function setSetting(document: Document, name: string, value: unknown): void {
  if (value === undefined) document.deleteIn(["config", key(name)]);
  else document.setIn(["config", key(name)], document.createNode(value));
}

/** Sets, or with undefined takes out, one setting of the file as it is now. */
export async function changeSetting(id: string, name: string, value: unknown): Promise<void> {
  const document = parseDocument(readFile(id) ?? "");
  setSetting(document, name, value);
  await writeAtomically(stackFile(id), document.toString(), 0o644);
}

/** A setting of the file as it is now; undefined when it has none. Encrypted ones are objects. */
export function settingOf(id: string, name: string): unknown {
  const { config } = (parseDocument(readFile(id) ?? "").toJS() ?? {}) as { config?: Record<string, unknown> | null };
  return config?.[key(name)];
}

/** The labels in a stack's file; what is no label there is that stack's to report. */
export function labelsOf(id: string): Labels {
  const document = parseDocument(readFile(id) ?? "");
  const given = document.getIn(["config", placeOf(document, "labels")]);
  const labels = isMap(given) ? (given.toJSON() as Record<string, unknown>) : {};
  return Object.fromEntries(
    Object.entries(labels).filter((one): one is [string, string] => typeof one[1] === "string"),
  );
}

/** The configuration as the engine hands it to the program. Secret values are not looked at. */
function configOf(document: Document): Record<string, string> {
  const { config = {} } = document.toJS() as { config?: Record<string, unknown> };
  const isSecret = (value: unknown): boolean => typeof value === "object" && value !== null && "secure" in value;
  const plain = Object.entries(config).filter(([, value]) => !isSecret(value));
  return Object.fromEntries(
    plain.map(([name, value]) => [name, typeof value === "string" ? value : JSON.stringify(value)]),
  );
}

/** The file of a tenant, and the settings that it has or the error that lists all problems. Nothing is written. */
export async function draftStackFile(
  id: string,
  request: TenantRequest,
): Promise<{ readonly edit: StackFileEdit; readonly settings: TenantSettings | SettingsError }> {
  const before = idProblem(id) === undefined ? readFile(id) : undefined;
  const document = edited(id, before, request);
  const networks = request.networks.map((one) => ` --network ${one}`).join("");
  const octet = request.octet === undefined ? "" : ` --octet ${request.octet}`;
  const placement = request.settings?.["placement"];
  const placed = typeof placement === "string" ? ` --placement ${placement}` : "";
  const again = `npm run tenant -- provision ${id}${networks}${octet}${placed}`;
  const edit = { id, before, after: document.toString(), again };
  const { SettingsError, tenantSettings } = await import("../../stacks/config.ts");
  try {
    return { edit, settings: tenantSettings(id, configOf(document)) };
  } catch (error) {
    if (error instanceof SettingsError) return { edit, settings: error };
    throw error;
  }
}

/**
 * Plans the file of a tenant. Nothing is written.
 * @throws Problem listing everything that is wrong with the request and the file, at once.
 */
export async function planStackFile(id: string, request: TenantRequest): Promise<StackFileEdit> {
  const { edit, settings: cause } = await draftStackFile(id, request);
  if (!(cause instanceof Error)) return edit;
  if (edit.before !== undefined) throw new Problem("settings-invalid", cause.message, { cause });
  // There is no file to change yet: the command line is what is wrong.
  throw new Problem(
    "settings-invalid",
    `The tenant cannot be provisioned, and nothing was touched:\n${cause.problems.map((one) => `  - ${one}`).join("\n")}\n` +
      `For example: npm run tenant -- provision acme --network 10.12.0.0/16`,
    { cause },
  );
}

/** Suspension and rotation are settings of a tenant that is there. */
const noFile = (id: string): Problem =>
  new Problem(
    "stack-file",
    `Tenant ${id} has no stacks/Pulumi.${id}.yaml here, and its settings are in it. Nothing was touched. ` +
      `Use the checkout that has it, or write it again: npm run tenant -- provision ${id} --network CIDR`,
  );

/** Where the file has the setting: Pulumi takes keys without the project's name as the project's. */
const placeOf = (document: Document, name: string): string => (document.hasIn(["config", name]) ? name : key(name));

/** The settings of a file. @throws Problem listing everything that is wrong with it. */
async function settingsOf(id: string, document: Document): Promise<TenantSettings> {
  const { tenantSettings } = await import("../../stacks/config.ts");
  try {
    return tenantSettings(id, configOf(document));
  } catch (cause) {
    throw new Problem("settings-invalid", (cause as Error).message, { cause });
  }
}

/**
 * Plans the file of a tenant that is to be suspended, or not any more. Nothing is written.
 * @throws Problem when there is no file, or listing everything that is wrong with it.
 */
export async function planSuspension(id: string, { suspended, reason }: SuspensionRequest): Promise<StackFileEdit> {
  const before = readFile(id);
  if (before === undefined) throw noFile(id);
  const document = edited(id, before, { networks: [] });
  const forget = (name: string): void => {
    // Pulumi takes keys without the project's name as the project's.
    for (const one of [key(name), name]) document.deleteIn(["config", one]);
  };
  if (!suspended) forget("suspended");
  else document.setIn(["config", key("suspended")], true);
  if (!suspended || reason === "") forget("suspensionReason");
  else if (reason !== undefined) document.setIn(["config", key("suspensionReason")], reason);
  await settingsOf(id, document);
  const again = `npm run tenant -- ${suspended ? "suspend" : "resume"} ${id}`;
  return { id, before, after: document.toString(), again };
}

/** How often the file says that each secret was rotated. @throws Problem as `planRotation` does. */
export async function rotationOf(id: string): Promise<Rotations> {
  const before = readFile(id);
  if (before === undefined) throw noFile(id);
  return (await settingsOf(id, edited(id, before, { networks: [] }))).rotation;
}

/**
 * Plans the file of a tenant whose secrets are rotated. Nothing is written.
 * @throws Problem when there is no file, or listing everything that is wrong with it.
 */
export async function planRotation(id: string, rotation: Rotations): Promise<StackFileEdit> {
  const before = readFile(id);
  if (before === undefined) throw noFile(id);
  const document = edited(id, before, { networks: [] });
  document.setIn(["config", placeOf(document, "rotation")], document.createNode(rotation));
  await settingsOf(id, document);
  return { id, before, after: document.toString(), again: `npm run tenant -- rotate ${id}` };
}

/** Writes the planned file. */
export async function applyStackFile({ id, before, after }: StackFileEdit): Promise<void> {
  if (after !== before) await writeAtomically(stackFile(id), after, 0o644);
}

/** Puts the file back as it was before, also when pulumi has written into it since; without one, removes it. */
export async function undoStackFile({ id, before }: StackFileEdit): Promise<void> {
  if (before === undefined) rmSync(stackFile(id), { force: true });
  else await writeAtomically(stackFile(id), before, 0o644);
}

/** Puts the file back when somebody else's run turned out to hold the stack. A file that was not there before is that run's. */
export async function yieldStackFile(edit: StackFileEdit): Promise<void> {
  if (edit.before !== undefined && readFile(edit.id) === edit.after) await undoStackFile(edit);
}

/** Whether the file lets a destroy delete data, as it is now. */
export const allowsDestroy = (id: string): boolean => String(settingOf(id, "allowDestroy")) === "true";

/** Whether somebody has begun to adopt the tenant, and not come to the end. */
export const isAdopting = (id: string): boolean => settingOf(id, "adopting") !== undefined;

/** Whether pulumi has written into the file how the stack's secrets are encrypted, as it does when it makes a stack. */
export const hasSalt = (id: string): boolean =>
  /^(encryptionsalt|encryptedkey|secretsprovider):/m.test(readFile(id) ?? "");

/**
 * Takes the salt of another passphrase out of the file of a stack that does not exist yet: nothing is encrypted with it.
 * @throws Problem when something is.
 */
export async function dropSalt(id: string): Promise<void> {
  const document = parseDocument(readFile(id) ?? "");
  if (document.toString().includes("secure:")) {
    throw new Problem(
      "passphrase",
      `stacks/Pulumi.${id}.yaml holds values that are encrypted with another passphrase. Give that one in ` +
        `PULUMI_CONFIG_PASSPHRASE_FILE, or take the values and encryptionsalt out of the file`,
    );
  }
  document.delete("encryptionsalt");
  const rest =
    document.toJS() === null || Object.keys(document.toJS() as object).length === 0 ? "" : document.toString();
  await writeAtomically(stackFile(id), rest, 0o644);
}
