// The operator's file of placements: their servers and credentials, in the clear for nobody but the operator, or encrypted with SOPS.
// It is read once, into this process's environment: pulumi and its plugins, which read no file of ours, find it there.
import { readFileSync, statSync } from "node:fs";
import { resolve } from "node:path";
import { parse } from "yaml";
import { defaultPlacement, placementProblem, placementVariable } from "../providers/clients/placements.ts";
import { serverVariables } from "../providers/clients/servers.ts";
import { similar } from "../stacks/similar.ts";
import { Problem } from "./errors.ts";

/** Variables by placement, both as they stand in the file. */
type Placements = Readonly<Record<string, Readonly<Record<string, unknown>>>>;

const invalid = (message: string, cause?: unknown): Problem => new Problem("placements-invalid", message, { cause });

/**
 * Puts what TENANT_PLACEMENTS_FILE says into the environment, and takes the file's name out of it: what is started from here has it.
 * @throws Problem listing everything that is wrong with the file, without a value of it
 */
export async function usePlacementsFile(env: NodeJS.ProcessEnv = process.env): Promise<void> {
  const file = resolve(env["INIT_CWD"] ?? process.cwd(), env["TENANT_PLACEMENTS_FILE"] ?? "");
  const placements = await readPlacements(file, env);
  for (const [placement, variables] of Object.entries(placements)) {
    for (const [name, value] of Object.entries(variables)) env[placementVariable(placement, name)] = String(value);
  }
  delete env["TENANT_PLACEMENTS_FILE"];
}

async function readPlacements(file: string, env: NodeJS.ProcessEnv): Promise<Placements> {
  const text = textOf(file);
  const given = parsed(file, text);
  const encrypted = isMapping(given) && Object.hasOwn(given, "sops");
  if (!encrypted) requirePrivate(file);
  const found = encrypted ? parsed(file, await decrypted(file, env)) : given;
  const problems = isMapping(found) ? Object.entries(found).flatMap(([name, one]) => problemsOf(name, one, env)) : [];
  if (!isMapping(found)) problems.push("it must hold placements by name, each with its variables");
  if (problems.length > 0) {
    throw invalid(`${file} cannot be used:\n${problems.map((one) => `  - ${one}`).join("\n")}\n${form}`);
  }
  return found as Placements;
}

const form = "Its form: docs/operations.md, Placements";

function textOf(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (cause) {
    throw invalid(`TENANT_PLACEMENTS_FILE ${file} cannot be read: ${(cause as Error).message}`, cause);
  }
}

/** Of what is wrong the place is said, and no line of the file: it may hold a password. */
function parsed(file: string, text: string): unknown {
  try {
    return parse(text) as unknown;
  } catch (cause) {
    const [{ line = 0 } = {}] = (cause as { linePos?: { line: number }[] }).linePos ?? [];
    throw invalid(`${file} is no YAML: line ${line}. ${form}`);
  }
}

const isMapping = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** Administrators' passwords are in it. */
function requirePrivate(file: string): void {
  const { mode, uid } = statSync(file);
  const us = process.getuid?.();
  if (us === undefined) return; // Windows: the folder's access list is inherited.
  if (![us, 0].includes(uid))
    throw invalid(`${file} belongs to user ${uid}, not to user ${us} who runs this, and is not encrypted`);
  if ((mode & 0o077) === 0) return;
  throw invalid(
    `${file} holds administrators' passwords, and others than you can read or change it: chmod 600 ${file}, or encrypt it: ` +
      `sops encrypt --in-place ${file}`,
  );
}

/** With the operator's own keys, wherever sops finds them. */
async function decrypted(file: string, env: NodeJS.ProcessEnv): Promise<string> {
  const { pipeThrough } = await import("../providers/clients/credentials.ts");
  const args = ["decrypt", "--input-type", "yaml", "--output-type", "yaml", file];
  return pipeThrough("sops", args, "", env).catch((cause: unknown) => {
    throw invalid(`${file} could not be decrypted: ${(cause as Error).message}`, cause);
  });
}

/** What is wrong with one placement: a line each, and no value. */
function problemsOf(name: string, given: unknown, env: NodeJS.ProcessEnv): string[] {
  const wrong = placementProblem(name);
  if (wrong !== undefined) return [`${name}: ${wrong}`];
  if (name === defaultPlacement)
    return [`${name}: is the environment's own variables (MINIO_ENDPOINT, PGHOST, …): take it out`];
  if (!isMapping(given)) return [`${name}: must hold variables, such as PGHOST: db.example`];
  const twice = serverVariables.map((one) => placementVariable(name, one)).filter((key) => env[key]);
  return [
    ...twice.map((key) => `${name}: the environment has ${key} too: keep one`),
    ...Object.entries(given).flatMap(([key, value]) => {
      if (!serverVariables.includes(key)) {
        const alike = similar(key, serverVariables);
        return [
          `${name}: ${key} is no setting of servers: ${alike.length > 0 ? `did you mean ${alike.join(" or ")}?` : `known are ${serverVariables.join(", ")}`}`,
        ];
      }
      return typeof value === "string" || typeof value === "number" || typeof value === "boolean"
        ? []
        : [`${name}: ${key} must be a text`];
    }),
  ];
}
