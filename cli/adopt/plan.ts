// What an adoption would do, found out before anything is touched: every problem at once.
import { adoptionTargets } from "../../components/adoption.ts";
import { idProblem, tenantNames } from "../../components/names.ts";
import { lastEvent } from "../../providers/clients/audit.ts";
import { withPlatform } from "../../providers/clients/platform-db.ts";
import { getTenant } from "../../providers/clients/registry.ts";
import { overlaps } from "../../providers/clients/reservations.ts";
import { secretFiles } from "../../providers/clients/secrets-dir.ts";
import { servers } from "../../providers/clients/servers.ts";
import { isAdopting, planStackFile, settingOf, type StackFileEdit } from "../engine/stack-file.ts";
import { isReal, stateOf } from "../engine/workspace.ts";
import { Problem } from "../errors.ts";
import { look, type Look } from "./look.ts";
import { begun, readSecrets, type FoundSecrets } from "./secrets.ts";

/** What is asked for. */
export interface AdoptionRequest {
  /** CIDRs; none: those of the file, else those that pg_hba.conf has. */
  readonly networks: readonly string[];
  /** The folder with key.age and secrets.enc.yaml. */
  readonly secrets?: string;
}

/** Everything that is known before. Holds secrets. */
export interface AdoptionPlan {
  readonly id: string;
  readonly look: Look;
  /** undefined: they are lost, and new ones are made. */
  readonly secrets: FoundSecrets | undefined;
  /** Nothing, when there are problems with the file. */
  readonly edit: StackFileEdit | undefined;
  /** For `pulumi up --target`. */
  readonly targets: readonly string[];
  readonly notes: readonly string[];
  /** Why the tenant cannot be adopted. */
  readonly problems: readonly string[];
}

/** @throws Problem when `id` is no tenant id or there is nothing to adopt; Error when a server does not answer */
export async function planAdoption(id: string, request: AdoptionRequest): Promise<AdoptionPlan> {
  const wrong = idProblem(id);
  if (wrong !== undefined)
    throw new Problem("id-invalid", `${wrong}. Only a tenant with such an id can be adopted; nothing was touched`);
  const names = tenantNames(id);
  const own = settingOf(id, "adoptedSecrets") === undefined ? undefined : secretFiles(id).folder;
  const folder = request.secrets ?? own;
  const read = folder === undefined ? { problems: [] } : await readSecrets(id, folder);
  const found = await look(names, servers(), read.secrets?.credentials);
  const stores = Object.values(found.stores);
  if (stores.every((store) => store.found.length === 0)) {
    throw new Problem(
      "adopt-refused",
      `There is nothing of a tenant ${id} in the stores. To make one: npm run tenant -- provision ${id} --network CIDR`,
    );
  }
  const isNamed = settingOf(id, "network") !== undefined || settingOf(id, "octet") !== undefined;
  const networks = request.networks.length > 0 || isNamed ? request.networks : found.networks;
  const settings = Object.fromEntries(stores.flatMap((store) => Object.entries(store.settings)));
  const { edit, problems } = await plannedFile(id, networks, settings);
  return {
    id,
    look: found,
    secrets: read.secrets,
    edit,
    targets: adoptionTargets(found.existing),
    notes: [...stores.flatMap((store) => store.notes), ...closedNetworks(found.networks, request.networks)],
    problems: [
      ...(await takenProblems(id, networks)),
      ...otherBeginning(id, folder),
      ...read.problems,
      ...stores.flatMap((store) => store.problems),
      ...problems,
    ],
  };
}

async function plannedFile(id: string, networks: readonly string[], settings: Readonly<Record<string, unknown>>) {
  try {
    // Without the mark of an earlier run, which would be a problem of its own.
    const edit = await planStackFile(id, { networks, settings: { ...settings, adopting: undefined } });
    return { edit, problems: [] };
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    const lines = error.message.split("\n").flatMap((line) => /^ {2}- (.*)$/.exec(line)?.[1] ?? []);
    return { edit: undefined, problems: lines.length > 0 ? lines : [error.message] };
  }
}

/** Why the id or its networks are not free for it. */
async function takenProblems(id: string, networks: readonly string[]): Promise<string[]> {
  const [row, last, taken] = await withPlatform(async (client) => [
    await getTenant(client, id),
    await lastEvent(client, id),
    await overlaps(client, networks, id).catch(() => []),
  ]);
  const overlapping = taken.map((one) => `${one.network} overlaps ${one.otherNetwork} of tenant ${one.otherTenant}`);
  if (row !== undefined)
    return [`tenant ${id} is registered since ${row.created_at.toISOString()}: it is adopted already`];
  if (isAdopting(id)) return overlapping; // An earlier run's.
  const { resources } = await stateOf(id).catch(() => ({ resources: [] }));
  if (!resources.some(isReal)) return overlapping;
  const help =
    last?.event_type === "TENANT_ADOPTED"
      ? `it is taken over already. What hardening changes: pulumi preview --stack ${id}; apply it: npm run tenant -- provision ${id}`
      : `a stack of that name exists, which was made by provision: npm run tenant -- provision ${id} finishes it`;
  return [help, ...overlapping];
}

/** An interrupted run has chosen already. */
function otherBeginning(id: string, folder: string | undefined): string[] {
  const earlier = settingOf(id, "adopting");
  if (earlier === begun.kept && folder === undefined)
    return ["the adoption was begun with the tenant's secrets: name their folder again, --secrets FOLDER"];
  if (earlier === begun.new && folder !== undefined)
    return ["the adoption was begun with new credentials: to keep the old ones, give it up first (--give-up)"];
  return [];
}

/** Loopback stays open for verification. */
function closedNetworks(found: readonly string[], asked: readonly string[]): string[] {
  const kept = [...asked, "127.0.0.0/8", "127.0.0.1/32", "::1/128"];
  const closed = asked.length === 0 ? [] : found.filter((one) => !kept.includes(one));
  if (closed.length === 0) return [];
  return [
    `the first update closes ${closed.join(", ")} to the tenant: repeat --network for what its applications need`,
  ];
}
