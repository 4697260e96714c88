// The program of stacks/, as the engine runs it: what the language host of Node.js does in a process of its own for each run.
import type { sendUnaryData, ServerUnaryCall, UntypedServiceImplementation } from "@grpc/grpc-js";
import type messages from "@pulumi/pulumi/proto/language_pb.js";
import * as automation from "@pulumi/pulumi/automation/server.js";
import program from "../../stacks/index.ts";
import { configureRun, inScope } from "./run.ts";

type Run = (
  call: ServerUnaryCall<messages.RunRequest, messages.RunResponse>,
  answer: sendUnaryData<messages.RunResponse>,
) => unknown;

/** What Pulumi's Automation API serves an inline program with. It is not declared: the version is pinned, and tests would tell. */
const { LanguageServer } = automation as unknown as {
  LanguageServer: new (run: typeof program) => UntypedServiceImplementation & { readonly run: Run };
};

const server = new LanguageServer(program);

/** The service `pulumirpc.LanguageRuntime`. One run at a time: the SDK keeps the stack it works on for the whole process. */
export const programService: UntypedServiceImplementation = {
  getPluginInfo: server["getPluginInfo"]!,
  getRequiredPlugins: server["getRequiredPlugins"]!,
  run: ((call, answer): void => {
    // Not waited for: of a run that failed, it may never come to its end.
    void inScope(async () => {
      configureRun(Object.fromEntries(call.request.getConfigMap().entries()));
      // As the language host hands them over.
      process.env["PULUMI_CONFIG_SECRET_KEYS"] = JSON.stringify(call.request.getConfigsecretkeysList());
      return server.run(call, answer);
    });
  }) satisfies Run,
};
