// Verifications, for the runs of `tenant verify` that a run of pulumi starts: one connection each, a line in, a line out.
import { randomBytes, timingSafeEqual } from "node:crypto";
import { once } from "node:events";
import { createServer, type AddressInfo, type Socket } from "node:net";
import { createInterface } from "node:readline";
import { inStackScope } from "../../providers/clients/stack-scope.ts";
import { inRun } from "./run.ts";
import type { Asked, Verified } from "./verifier.ts";

/** Begins to listen on the loopback address. Returns what `verifierVariable` says. */
export async function serveVerifications(): Promise<string> {
  const word = randomBytes(32).toString("hex");
  const server = createServer((socket) => {
    socket.on("error", () => undefined); // Whoever asked was ended.
    // In a scope of its own, as a process would be: it finds out by itself which servers the tenant lives on.
    createInterface(socket).once("line", (line) => void inRun(() => inStackScope(() => answer(socket, line, word))));
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
  return `${(server.address() as AddressInfo).port}:${word}`;
}

async function answer(socket: Socket, line: string, word: string): Promise<void> {
  try {
    const asked = JSON.parse(line) as Asked;
    const given = Buffer.from(asked.word);
    if (given.length !== word.length || !timingSafeEqual(given, Buffer.from(word))) return;
    const [{ verifyNow }, { printed }] = await Promise.all([
      import("../engine/verification.ts"),
      import("../verify/printed.ts"),
    ]);
    const verification = await verifyNow(asked.id, asked.expect, asked.recipients);
    socket.write(`${JSON.stringify(printed(verification) satisfies Verified)}\n`);
  } catch {
    // Without an answer whoever asked does it by himself, and says what is wrong.
  } finally {
    socket.end();
  }
}
