// The file of a new tenant: asks for what is missing, checks everything, writes it.
import { existsSync, writeFileSync } from "node:fs";
import { relative } from "node:path";
import { parse } from "yaml";
import { idProblem } from "../../components/names.ts";
import { networkProblem } from "../../components/networks.ts";
import { defaultPlacement } from "../../providers/clients/placements.ts";
import { otherAddresses } from "../../stacks/config.ts";
import { root } from "../../toolchain/paths.ts";
import { draftStackFile } from "../engine/stack-file.ts";
import { stackFile } from "../environment.ts";
import { Problem } from "../errors.ts";
import { complain } from "../output.ts";
import { questions, type Questions } from "./ask.ts";
import { freeNetwork } from "./free-network.ts";
import { platformView, type PlatformView } from "./platform.ts";

/** What the command line says of it. */
export interface NewTenant {
  readonly id: string | undefined;
  /** CIDRs. */
  readonly network: readonly string[];
  readonly octet?: string;
  /** Settings by key, as somebody types them. */
  readonly set: Readonly<Record<string, string>>;
}

/** What was written. */
export interface Written {
  readonly id: string;
  /** From the root of the checkout. */
  readonly file: string;
  readonly text: string;
  readonly networks: readonly string[];
  /** Why the platform database was not asked; undefined: it was. */
  readonly unasked: string | undefined;
}

/**
 * Writes stacks/Pulumi.<id>.yaml.
 * @throws Problem when there is such a file, or listing everything that is wrong, at once; nothing is written then
 */
export async function writeNewTenant(given: NewTenant): Promise<Written> {
  const platform = await platformView();
  const missing = given.id === undefined || (given.network.length === 0 && given.octet === undefined);
  const asked = missing ? questions() : undefined;
  try {
    for (;;) {
      const wanted = asked === undefined ? given : await complete(given, asked, platform);
      const { problems, ...checked } = await check(wanted, platform);
      if (problems.length === 0) return write(checked, platform);
      const list = problems.map((one) => `  - ${one}`).join("\n");
      if (asked === undefined)
        throw new Problem("settings-invalid", `Nothing was written:\n${list}\n${help(platform)}`);
      complain(`That cannot be:\n${list}\n`);
    }
  } finally {
    asked?.end();
  }
}

/** A network that no stack file and no registered tenant has. */
function proposed({ networks }: PlatformView): string | undefined {
  const files = otherAddresses("", { warn: () => undefined });
  return freeNetwork([...networks, ...files.flatMap((one) => [...one.networks, ...one.operators])]);
}

function help(platform: PlatformView): string {
  const free = proposed(platform) ?? "CIDR";
  return `Free: ${free}. For example: npm run tenant -- new initech --network ${free}`;
}

async function complete(given: NewTenant, { ask }: Questions, platform: PlatformView): Promise<NewTenant> {
  const id = given.id ?? (await ask("Id of the tenant (a-z and 0-9)"));
  const known = given.network.length > 0 || given.octet !== undefined;
  const network = known ? given.network : words(await ask("Its networks", proposed(platform)));
  if (Object.keys(given.set).length > 0) return { ...given, id, network };
  const others = words(await ask("Settings other than the defaults, such as bucketQuota=1073741824 (none)"));
  const set = others.map((one): [string, string] => [one.split("=")[0] ?? "", one.split("=").slice(1).join("=")]);
  return { ...given, id, network, set: Object.fromEntries(set) };
}

const words = (text: string): string[] => text.split(/[\s,]+/).filter((one) => one !== "");

async function check({ id = "", network, octet, set }: NewTenant, platform: PlatformView) {
  if (idProblem(id) === undefined && existsSync(stackFile(id))) throw there(id);
  const settings = Object.fromEntries(Object.entries(set).map(([key, text]) => [key, typed(text)]));
  const request = { networks: network, ...(octet === undefined ? {} : { octet }), settings };
  const { edit, settings: found } = await draftStackFile(id, request);
  const networks = found instanceof Error ? network.filter((one) => networkProblem(one) === undefined) : found.networks;
  const placement = found instanceof Error ? defaultPlacement : found.placement;
  const others = idProblem(id) === undefined ? await platform.problems(id, networks, placement) : [];
  const problems = [...(found instanceof Error ? found.problems : []), ...others];
  return { id, text: edit.after, networks, problems };
}

/** As in the file: `5` is a number, `[a]` a list. */
function typed(text: string): unknown {
  try {
    return parse(text) as unknown;
  } catch {
    return text;
  }
}

function write(
  { id, text, networks }: { readonly id: string; readonly text: string; readonly networks: readonly string[] },
  { unasked }: PlatformView,
): Written {
  try {
    // Only where there is none, also when somebody writes it at this very moment.
    writeFileSync(stackFile(id), text, { flag: "wx", mode: 0o644 });
  } catch (cause) {
    throw (cause as NodeJS.ErrnoException).code === "EEXIST" ? there(id) : cause;
  }
  return { id, file: relative(root, stackFile(id)), text, networks, unasked };
}

function there(id: string): Problem {
  return new Problem(
    "file-exists",
    `stacks/Pulumi.${id}.yaml is there already. Nothing was overwritten. Make its tenant: npm run tenant -- provision ${id}`,
  );
}
