// tenant metrics: the fleet for Prometheus.
import { Command } from "commander";
import type { SizeChoice } from "../report/size-choices.ts";
import { sizesOption } from "./report.ts";

interface Options {
  readonly output?: string;
  readonly json?: true;
  readonly sizes: SizeChoice;
}

export function metricsCommand(): Command {
  return new Command("metrics")
    .description("the fleet as Prometheus text: tenants, verification, drift, failures, sizes")
    .option("--output <file>", "write it there, all at once: for the textfile collector of node_exporter (*.prom)")
    .option("--json", "print the same as JSON, as prom-client has it")
    .addOption(sizesOption())
    .addHelpText(
      "after",
      `
Times are Unix times: the age of a verification is time() - tenant_storage_verification_timestamp_seconds.

Example: npm run -s tenant -- metrics --output /var/lib/node_exporter/tenants.prom`,
    )
    .action(metrics);
}

async function metrics({ output, json, sizes }: Options): Promise<void> {
  const { useStackConfig } = await import("../environment.ts");
  await useStackConfig("platform");
  const { gather } = await import("../report/gather.ts");
  const { metricsOf } = await import("../report/metrics.ts");
  const { waiting } = await import("../report/waiting.ts");
  const registry = metricsOf(await gather({ sizes }), await waiting());
  if (json) {
    const { sayJson } = await import("../output.ts");
    return sayJson(await registry.getMetricsAsJSON());
  }
  const text = await registry.metrics();
  if (output === undefined) return void process.stdout.write(text);
  const { writeAtomically } = await import("../../providers/clients/files.ts");
  // node_exporter is another user.
  await writeAtomically(output, text, 0o644);
}
