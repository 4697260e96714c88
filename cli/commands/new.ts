// tenant new [ID]: the file of a tenant that is to be.
import { Command, InvalidArgumentError } from "commander";

interface Options {
  readonly network: readonly string[];
  readonly octet?: string;
  readonly placement?: string;
  readonly set: Readonly<Record<string, string>>;
  readonly json?: true;
}

export function newCommand(): Command {
  return new Command("new")
    .description("write the file of a new tenant, stacks/Pulumi.<id>.yaml, and make nothing yet")
    .argument("[new-id]", "a-z and 0-9, up to 40 characters")
    .option(
      "--network <cidr>",
      "a network of the tenant; repeat it for more",
      (one: string, all: readonly string[]) => [...all, one],
      [],
    )
    .option("--octet <number>", "short for --network 10.<number>.0.0/16")
    .option("--placement <name>", "where it is to live, if not on the default placement: npm run tenant -- placements")
    .option("--set <key=value>", "a setting, such as bucketQuota=1073741824; repeat it for more", setting, {})
    .option("--json", "print what was written as JSON")
    .addHelpText(
      "after",
      `
On a terminal it asks for what is missing, and proposes a network that no stack file and no registered tenant has. Checks what
provision checks, and never overwrites a file. Editors complete and check the file by stacks/tenant.schema.json.

Example: npm run tenant -- new initech --network 10.14.0.0/16 --set qdrantVectorSize=1024`,
    )
    .action(create);
}

function setting(text: string, before: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  const [key, value] = text.split(/=(.*)/s);
  if (!key || value === undefined) throw new InvalidArgumentError("Give KEY=VALUE, such as bucketQuota=1073741824.");
  return { ...before, [key]: value };
}

async function create(id: string | undefined, options: Options): Promise<void> {
  const { writeNewTenant } = await import("../onboarding/new-tenant.ts");
  const written = await writeNewTenant({
    ...options,
    id,
    set: { ...options.set, ...(options.placement === undefined ? {} : { placement: options.placement }) },
  });
  const { note, say, sayJson } = await import("../output.ts");
  const { file, unasked, text } = written;
  if (options.json) {
    return sayJson({ tenant_id: written.id, file, networks: written.networks, platform_asked: unasked === undefined });
  }
  say(`Written: ${file}\n`);
  say(text.trimEnd());
  if (unasked !== undefined) {
    note(`\nThe platform database was not asked whether another checkout has this id or network: ${unasked}`);
  }
  note(
    `\nNext: commit it and open a pull request (npm run preview -- ${written.id} shows what it would make).\n` +
      `Or make the tenant now: npm run tenant -- provision ${written.id}`,
  );
}
