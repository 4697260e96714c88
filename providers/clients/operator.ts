// Who does it, for records that outlive the run: what the machine says of itself, proven by nothing.
import { hostname, userInfo } from "node:os";

/** `ana@host7` */
export function operator(env: NodeJS.ProcessEnv = process.env): string {
  return `${env["SUDO_USER"] ?? nameOrNumber()}@${hostname()}`;
}

/** In a container the user may have no name. */
function nameOrNumber(): string {
  try {
    return userInfo().username;
  } catch {
    return `user ${process.getuid?.() ?? "unknown"}`;
  }
}
