// Makes the programs this project runs: `node toolchain/run.mjs toolchain/install.ts`, or as the first steps of
// whatever needs them. What is made is kept; only what changed is made again.
import { join } from "node:path";
import { withLock } from "../local/lock.ts";
import { toolchainDir } from "./paths.ts";
import * as programs from "./programs.ts";
import { runSteps, type Step } from "./steps.ts";

/** Pulumi with its plugins, and SOPS with age: what provisioning a tenant takes. */
export function pulumiSteps(): Step[] {
  return [programs.node, programs.engine, programs.plugins, programs.sops].map(alone);
}

/** The servers among the local stores that are no Debian packages. */
export function serverSteps(): Step[] {
  return [programs.minio, programs.qdrant].map(alone);
}

/** What the benchmarks compare with. */
export function benchSteps(): Step[] {
  return [alone(programs.mc)];
}

/** What the test of the workflows takes. */
export function workflowSteps(): Step[] {
  return [alone(programs.actionlint)];
}

/** Everything a tenant and the local stores take. */
export function toolchainSteps(): Step[] {
  return [...pulumiSteps(), ...serverSteps(), alone(programs.tidy)];
}

/** The step, but waiting while another process is at a step of the same folder, which may well do this one's work. */
function alone(step: Step): Step {
  return {
    ...step,
    run: async (say) => {
      const waiting = (): void => say("waiting for another run that is at it");
      await withLock(join(toolchainDir, "lock"), waiting, async () => {
        if (!(await step.done())) await step.run(say);
      });
    },
  };
}

if (process.argv[1] === import.meta.filename) {
  try {
    // Who has servers needs no programs for local ones.
    await runSteps(process.argv.includes("--no-servers") ? pulumiSteps() : toolchainSteps());
  } catch (error) {
    console.error(`error: ${error instanceof Error ? error.message : String(error)}`);
    process.exitCode = 1;
  }
}
