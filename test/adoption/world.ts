// The tenant command on the tests' own stores, as an operator types it.
import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { checkout, printed, run, type Outcome } from "../support/pulumi.ts";

/** `npm run tenant -- ARGS` */
export const tenantTool = (args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Outcome> =>
  run(process.execPath, ["cli/tenant.ts", ...args], { NO_COLOR: "1", ...env });

/** The same, until `when` is what it says: then the command and everything it runs is killed, as by a machine that goes down. */
export async function killedTenantTool(args: readonly string[], when: RegExp): Promise<string> {
  const child = spawn(process.execPath, ["cli/tenant.ts", ...args], {
    cwd: checkout(),
    env: { ...process.env, NO_COLOR: "1" },
    stdio: ["ignore", "ignore", "pipe"],
  });
  let said = "";
  await new Promise<void>((done) => {
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      said += text;
      if (when.test(said)) for (const pid of familyOf(child.pid ?? 0)) process.kill(pid, "SIGKILL");
    });
    child.on("close", () => done());
  });
  printed.push(said);
  return said;
}

/** The process and everything it has begun. */
function familyOf(pid: number): number[] {
  try {
    const children = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim().split(" ").filter(Boolean);
    return [pid, ...children.flatMap((child) => familyOf(Number(child)))];
  } catch {
    return []; // It has ended.
  }
}
