// Asks the host of the run for a verification: what a process of its own would load is loaded there already.
import { connect } from "node:net";
import { text } from "node:stream/consumers";
import { verifierVariable } from "./messages.ts";

/** One verification. */
export interface Asked {
  readonly word: string;
  readonly id: string;
  readonly expect: "active" | "suspended";
  /** age public keys, with commas; empty: none. */
  readonly recipients: string;
}

/** What the command prints, and how it ends. */
export interface Verified {
  readonly stdout: string;
  readonly stderr: string;
  readonly code: number;
}

/** Undefined when there is no host, or none that could do it. */
export async function askHost(argv: readonly string[], env: NodeJS.ProcessEnv): Promise<Verified | undefined> {
  const [port, word] = (env[verifierVariable] ?? "").split(":");
  // Exactly the program's own call (components/verification.ts).
  const [command, id, option, expect, json] = argv;
  const own = command === "verify" && option === "--expect" && json === "--json" && argv.length === 5;
  if (!port || !word || !own || id === undefined || (expect !== "active" && expect !== "suspended")) return undefined;
  try {
    const socket = connect(Number(port), "127.0.0.1");
    const asked: Asked = { word, id, expect, recipients: env["TENANT_RECIPIENTS"] ?? "" };
    socket.write(`${JSON.stringify(asked)}\n`);
    const answer = await text(socket);
    return answer === "" ? undefined : (JSON.parse(answer) as Verified);
  } catch {
    return undefined;
  }
}
