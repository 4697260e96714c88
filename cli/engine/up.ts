// pulumi up of a stack that has a file here: a tenant, with what provisioning means for a new one, or the platform.
import { placementOfPlatform } from "../../providers/clients/placements.ts";
import { Problem, withoutSecrets } from "../errors.ts";
import { placementOf } from "../placement.ts";
import { PulumiError } from "./command.ts";
import { locked, provisionTenant, up, type Provisioned, type Reporter } from "./provision.ts";
import { nameOfPlatform } from "./platforms.ts";
import { planStackFile } from "./stack-file.ts";
import { Watch } from "./watch.ts";
import { inStack } from "./workspace.ts";

/**
 * Brings a stack to what its file and the program say. A new tenant whose run fails is taken back; its file stays.
 * @throws Problem saying what failed, on what, and what to type
 */
export async function upStack(stack: string, reporter: Reporter): Promise<Provisioned> {
  if (placementOfPlatform(stack) !== undefined) return upPlatform(stack, reporter);
  await placementOf(stack); // A tenant that its file moves is refused before pulumi is started.
  return provisionTenant(await planStackFile(stack, { networks: [] }), reporter);
}

async function upPlatform(name: string, reporter: Reporter): Promise<Provisioned> {
  const watch = new Watch(reporter.steps);
  try {
    await inStack(name, ({ stack }) => up(stack, watch));
  } catch (error) {
    if (error instanceof PulumiError && error.locked) throw locked(name, error);
    const { cause } = watch.failure((error as Error).message);
    throw new Problem(
      "platform-failed",
      `${nameOfPlatform(name)} could not be brought up to date: ${withoutSecrets(cause)}\n` +
        `What was changed before the failure stays. Remove the cause, then: npm run tenant -- up ${name}`,
      { cause: error },
    );
  }
  return watch.changes === 0 ? "unchanged" : "updated";
}
