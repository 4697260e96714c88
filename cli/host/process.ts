// A host: a process of the command's that stays, and in it the program, our dynamic providers and the verification are loaded once
// for many runs of pulumi, which would start a process for each of them. It works for one run at a time.
import "../sdk.ts";
import { Server, ServerCredentials } from "@grpc/grpc-js";
import language from "@pulumi/pulumi/proto/language_grpc_pb.js";
import provider from "@pulumi/pulumi/proto/provider_grpc_pb.js";
import type { Answer, Request } from "./messages.ts";
import { programService } from "./program-service.ts";
import { providerService } from "./provider-service.ts";
import { beginRun, endRun } from "./run.ts";
import { serveVerifications } from "./verification-service.ts";

const say = (answer: Answer): void => void process.send?.(answer);

async function hear(request: Request): Promise<void> {
  if ("begin" in request) {
    beginRun(request.begin);
    return say({ begun: true });
  }
  await endRun();
  say({ ended: true });
}

// The command has ended, or was killed.
process.on("disconnect", () => void endRun().then(() => process.exit()));
process.on("message", (request: Request) => void hear(request));

// As for Pulumi's own servers: a tenant's state may be larger than gRPC's 4 MB.
const server = new Server({ "grpc.max_receive_message_length": 400 * 1024 * 1024 });
server.addService(language.LanguageRuntimeService, programService);
server.addService(provider.ResourceProviderService, providerService);
const verifier = await serveVerifications();
server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, port) => {
  if (error !== null) throw error;
  say({ port, verifier });
});
