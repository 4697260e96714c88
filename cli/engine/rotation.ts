// Rotating a tenant's secrets: numbers in its stack file that are raised, and `pulumi up`, which makes a new secret of each.
import { differing, rotatable, type Rotations, type Secret } from "../../components/rotation.ts";
import { Problem } from "../errors.ts";
import { provisionTenant, type Reporter } from "./provision.ts";
import { planRotation, rotationOf } from "./stack-file.ts";
import { stateOf, type StateResource } from "./workspace.ts";

/** What a run did. */
export interface Rotated {
  /** `finished`: what an earlier run, or a change of the stack file, had begun. */
  readonly outcome: "rotated" | "finished";
  readonly secrets: readonly Secret[];
  /** How often each secret was rotated by now. */
  readonly rotation: Rotations;
}

/** What is to be done. */
interface Plan {
  readonly finishes: boolean;
  readonly secrets: readonly Secret[];
  readonly rotation: Rotations;
}

const rotationIn = (resources: readonly StateResource[], type: string): Rotations =>
  resources.find((one) => one.type.endsWith(`:${type}`))?.inputs?.["rotation"] ?? {};

const highest = (one: Rotations, other: Rotations): Rotations =>
  Object.fromEntries(
    rotatable
      .map((secret) => [secret, Math.max(one[secret] ?? 0, other[secret] ?? 0)] as const)
      .filter(([, number]) => number > 0),
  );

/**
 * A rotation that was begun comes before any other: one set of credentials is new, one is old, and there is no third.
 * @param asked what the stack file says
 */
function planFor(asked: Rotations, resources: readonly StateResource[], wanted: readonly Secret[]): Plan {
  const begun = highest(asked, rotationIn(resources, "Reservation"));
  const open = differing(begun, rotationIn(resources, "AuditEvent"));
  // Former secrets whose end a run did not reach.
  const ending = resources.some((one) => one.delete === true);
  if (open.length > 0 || ending) return { finishes: true, secrets: open, rotation: begun };
  const raised = Object.fromEntries(wanted.map((secret) => [secret, (begun[secret] ?? 0) + 1]));
  return { finishes: false, secrets: wanted, rotation: { ...begun, ...raised } };
}

/**
 * Gives the tenant new secrets, and ends the old ones; or finishes the rotation that was begun.
 * @throws Problem saying which credentials work now, and how to finish
 */
export async function rotateTenant(id: string, wanted: readonly Secret[], reporter: Reporter): Promise<Rotated> {
  const { resources } = await stateOf(id);
  if (!resources.some(({ type }) => type.endsWith(":RegistryRow"))) {
    throw new Problem(
      "tenant-incomplete",
      `Tenant ${id} is not provisioned to the end. Nothing was rotated. Finish that: npm run tenant -- provision ${id}`,
    );
  }
  const { finishes, secrets, rotation } = planFor(await rotationOf(id), resources, wanted);
  if (finishes) reporter.news(`finishing what was begun${secrets.length === 0 ? "" : ` (${secrets.join(", ")})`}`);
  const edit = await planRotation(id, rotation);
  try {
    await provisionTenant(edit, reporter);
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    throw new Problem(
      error.errorCode === "provision-failed" ? "rotation-failed" : error.errorCode,
      `${error.message}\nThe credentials that work are those in the SOPS file: npm run tenant -- credentials ${id}. ` +
        `Finish the rotation: ${edit.again}`,
      { cause: error },
    );
  }
  return { outcome: finishes ? "finished" : "rotated", secrets, rotation };
}
