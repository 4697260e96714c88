// Whose stores these are: root's and a user's commands on the same folder would leave files the other cannot use.
import { readFileSync, statSync } from "node:fs";
import { Problem } from "../errors/problem.ts";
import { credentialsFile } from "./credentials.ts";

/**
 * Throws when the stores of that folder were made by another user. Root may look at anybody's stores and stop them.
 * @param to what is about to be done: "start"
 */
export function checkOwner(dir: string, to: "look" | "start" | "stop" | "reset"): void {
  const owner = statSync(credentialsFile(dir), { throwIfNoEntry: false })?.uid;
  const me = process.getuid?.();
  if (owner === undefined || me === undefined || owner === me) return;
  if (me === 0 && (to === "look" || to === "stop")) return;
  const name = nameOf(owner);
  throw new Problem(
    "setup-failed",
    `the stores in ${dir} belong to user ${name}: run this as ${name}, or make your own: TENANT_STORES_DIR=FOLDER TENANT_STORES_PORT_OFFSET=100 npm run stores -- start`,
  );
}

function nameOf(uid: number): string {
  const line = readFileSync("/etc/passwd", "utf8")
    .split("\n")
    .find((user) => user.split(":")[2] === String(uid));
  return line?.split(":")[0] ?? String(uid);
}
