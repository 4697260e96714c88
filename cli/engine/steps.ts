// The plan's nine steps (section 7.1), and which of them a resource belongs to.

/** A step of the plan; 0 is what comes before the first: the reservation of the id and the networks. */
export interface PlanStep {
  readonly number: number;
  readonly name: string;
}

/** By number. */
export const planSteps: readonly PlanStep[] = [
  "reservation",
  "age key",
  "credentials",
  "SOPS file",
  "MinIO",
  "PostgreSQL",
  "Qdrant",
  "Redis",
  "verification",
  "registry",
].map((name, number) => ({ number, name }));

/** The step of that number. */
export function planStep(number: number): PlanStep {
  return planSteps[number] ?? { number, name: `step ${number}` };
}

// Looked for in the types of a URN, outermost first; the first that is found decides.
const byType: readonly (readonly [type: string, step: number])[] = [
  ["tenant:Reservation", 0],
  ["tenant:AgeKey", 1],
  ["tenant:SopsFile", 3],
  ["tenant:CredentialsHandover", 3],
  ["TenantCredentials", 2],
  ["ObjectStorage", 4],
  ["index:Database", 5],
  ["VectorStore", 6],
  ["KeySpace", 7],
  ["Verification", 8],
  ["tenant:AuditEvent", 8],
  ["tenant:RegistryRow", 9],
  ["tenant:DataGuard", 9],
  ["pulumi:providers:random", 2],
  ["pulumi:providers:minio", 4],
  ["pulumi:providers:postgresql", 5],
  ["pulumi:providers:command", 8],
];

/** The step a resource belongs to; undefined for the stack itself and what only holds others. */
export function stepOfUrn(urn: string): PlanStep | undefined {
  const types = urn.split("::")[2] ?? "";
  const found = byType.find(([type]) => types.includes(type));
  return found === undefined ? undefined : planStep(found[1]);
}

// Plugins by the step that needs them: without one, the engine fails before it names a resource.
const byPlugin: readonly (readonly [plugin: string, step: number])[] = [
  ["random", 2],
  ["minio", 4],
  ["postgresql", 5],
  ["command", 8],
];

/**
 * The step a message is about: the place that providers/clients/traces.ts names, the platform database, or the plugin the
 * engine misses. Undefined when it names none.
 */
export function stepOfMessage(message: string): PlanStep | undefined {
  const named = /\(step (\d)/.exec(message)?.[1];
  if (named !== undefined) return planStep(Number(named));
  // Reservation and registry are in the same database; when the server itself is down, so is the tenants' PostgreSQL.
  if (/PostgreSQL at .* cannot be used: .*(ECONN|ETIMEDOUT|EHOST|ENOTFOUND|EAI_|timeout|no answer)/.test(message)) {
    return planStep(5);
  }
  if (/database platform\b|platform database/.test(message)) return planStep(9);
  const plugin = /plugin[^\n]*?\b(random|minio|postgresql|command)\b/.exec(message)?.[1];
  const found = byPlugin.find(([name]) => name === plugin);
  return found === undefined ? undefined : planStep(found[1]);
}

/** `S3Bucket tenant-acme-bucket`: the resource's kind and name, for people. */
export function resourceName(urn: string): string {
  const [, , types = "", name = ""] = urn.split("::");
  const kind = types.split("$").at(-1)?.split(":") ?? [];
  return kind[1] === "providers" ? `plugin ${kind[2]}` : `${kind.at(-1)} ${name}`;
}
