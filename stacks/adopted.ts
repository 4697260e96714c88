// What `tenant adopt` writes into a stack's file, beside its settings.
import { z } from "zod";
import type { AdoptedSecrets } from "../components/credentials.ts";
import { adopting } from "../providers/clients/adopting.ts";

/** `adopting` says, while an adoption is not complete, how it was begun; `adoptedSecrets` are the tenant's own, encrypted. */
export const adoptionKeys = ["adopting", "adoptedSecrets"] as const;

const key = (name: (typeof adoptionKeys)[number]): string => `tenant-storage:${name}`;
const secrets = z.strictObject({
  minio: z.string().min(8),
  postgresql: z.string().min(1),
  redis: z.string().min(1),
  api: z.string().min(1),
});

/** Why a stack cannot be used as it is. Repeats no secret. */
export function adoptionProblems(
  stack: string,
  config: Readonly<Record<string, string>>,
  secretKeys: readonly string[],
): string[] {
  const problems: string[] = [];
  if (config[key("adopting")] !== undefined && adopting() !== stack) {
    problems.push(
      `adopting: the adoption of tenant ${stack} is not complete. Go on with it: npm run tenant -- adopt ${stack}. ` +
        `Or leave the tenant as it is: npm run tenant -- adopt ${stack} --give-up`,
    );
  }
  const text = config[key("adoptedSecrets")];
  if (text !== undefined && !secretKeys.includes(key("adoptedSecrets"))) {
    problems.push("adoptedSecrets: is not encrypted, so everybody who reads the file knows them: change them all");
  } else if (text !== undefined && parsed(text) === undefined) {
    problems.push("adoptedSecrets: is not what tenant adopt writes: minio, postgresql, redis and api, each a text");
  }
  return problems;
}

function parsed(text: string): AdoptedSecrets | undefined {
  try {
    return secrets.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}

/** The secrets the tenant had when it was adopted; undefined when the program makes them. */
export function adoptedSecrets(config: Readonly<Record<string, string>>): AdoptedSecrets | undefined {
  const text = config[key("adoptedSecrets")];
  return text === undefined ? undefined : parsed(text);
}
