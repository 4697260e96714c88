// Our dynamic providers, as the engine calls them. Pulumi's own process for dynamic providers runs whatever code a call brings
// along; this one runs the implementations of this checkout, and nothing else.
import {
  status,
  type sendUnaryData,
  type ServerUnaryCall,
  type UntypedHandleCall,
  type UntypedServiceImplementation,
} from "@grpc/grpc-js";
import type { dynamic } from "@pulumi/pulumi";
import plugins from "@pulumi/pulumi/proto/plugin_pb.js";
import messages from "@pulumi/pulumi/proto/provider_pb.js";
import { unknownValue, unwrapRpcSecret } from "@pulumi/pulumi/runtime/rpc.js";
import empty from "google-protobuf/google/protobuf/empty_pb.js";
import structs from "google-protobuf/google/protobuf/struct_pb.js";
import { storedFile } from "../../providers/dynamic.ts";
import { configureRun, inRun } from "./run.ts";

type Properties = Record<string, unknown>;
type Provider = Required<dynamic.ResourceProvider<Properties, Properties>>;

/** The implementation whose stored code a resource has. */
async function providerOf(properties: Properties): Promise<Provider> {
  const file = storedFile(properties["__provider"]);
  if (file === undefined)
    throw new Error("the resource's provider is none of this program's: run pulumi itself in place of the command");
  const { provider } = (await import(`../../providers/${file}.ts`)) as { readonly provider: Provider };
  return provider;
}

const read = (struct: structs.Struct | undefined): Properties => struct?.toJavaScript() ?? {};

/** The state keeps the provider's code with the properties. */
const write = (properties: Properties | undefined, { __provider }: Properties): structs.Struct =>
  structs.Struct.fromJavaScript({ ...properties, __provider } as Parameters<typeof structs.Struct.fromJavaScript>[0]);

/** While the code is not known yet, the old one is the one to ask. */
const whoChecks = (olds: Properties, news: Properties): Properties =>
  news["__provider"] === unknownValue ? olds : news;

function unary<Request, Response>(work: (request: Request) => Response | Promise<Response>): UntypedHandleCall {
  return ({ request }: ServerUnaryCall<Request, Response>, answer: sendUnaryData<Response>): void => {
    void inRun(async () => work(request)).then(
      (response) => answer(null, response),
      (error: unknown) => answer({ code: status.UNKNOWN, details: (error as Error).message }),
    );
  };
}

/** The service `pulumirpc.ResourceProvider`; what is not here is answered with UNIMPLEMENTED, as by Pulumi's own. */
export const providerService: UntypedServiceImplementation = {
  attach: unary(() => new empty.Empty()),
  cancel: unary(() => new empty.Empty()),
  getPluginInfo: unary(() => {
    const info = new plugins.PluginInfo();
    info.setVersion("1.0.0");
    return info;
  }),

  configure: unary((request: messages.ConfigureRequest) => {
    const given = read(request.getArgs());
    const settings = Object.entries(given).map(([key, value]) => [key, unwrapRpcSecret(value) as unknown]);
    configureRun(Object.fromEntries(settings) as Record<string, string>);
    return new messages.ConfigureResponse();
  }),

  check: unary(async (request: messages.CheckRequest) => {
    const [olds, news] = [read(request.getOlds()), read(request.getNews())];
    const provider = await providerOf(whoChecks(olds, news));
    const { inputs, failures = [] } = await provider.check(olds, news);
    const response = new messages.CheckResponse();
    response.setInputs(write(inputs, news));
    response.setFailuresList(
      failures.map(({ property, reason }) => {
        const failure = new messages.CheckFailure();
        failure.setProperty(property);
        failure.setReason(reason);
        return failure;
      }),
    );
    return response;
  }),

  diff: unary(async (request: messages.DiffRequest) => {
    const [olds, news] = [read(request.getOlds()), read(request.getNews())];
    const provider = await providerOf(whoChecks(olds, news));
    const { changes, deleteBeforeReplace = false, replaces = [] } = await provider.diff(request.getId(), olds, news);
    const { DIFF_NONE, DIFF_SOME } = messages.DiffResponse.DiffChanges;
    const response = new messages.DiffResponse();
    response.setChanges(changes ? DIFF_SOME : DIFF_NONE);
    response.setReplacesList(replaces);
    response.setDeletebeforereplace(deleteBeforeReplace);
    return response;
  }),

  create: unary(async (request: messages.CreateRequest) => {
    const inputs = read(request.getProperties());
    const { id, outs } = await (await providerOf(inputs)).create(inputs);
    const response = new messages.CreateResponse();
    response.setId(id);
    response.setProperties(write(outs, inputs));
    return response;
  }),

  read: unary(async (request: messages.ReadRequest) => {
    const recorded = read(request.getProperties());
    const { id, props, inputs } = await (await providerOf(recorded)).read(request.getId(), recorded);
    const response = new messages.ReadResponse();
    // Without an id: it is gone.
    if (id !== undefined) response.setId(id);
    response.setProperties(write(props, recorded));
    if (inputs !== undefined) response.setInputs(write(inputs, recorded));
    return response;
  }),

  update: unary(async (request: messages.UpdateRequest) => {
    const [olds, news] = [read(request.getOlds()), read(request.getNews())];
    const { outs } = await (await providerOf(news)).update(request.getId(), olds, news);
    const response = new messages.UpdateResponse();
    response.setProperties(write(outs, news));
    return response;
  }),

  delete: unary(async (request: messages.DeleteRequest) => {
    const recorded = read(request.getProperties());
    await (await providerOf(recorded)).delete(request.getId(), recorded);
    return new empty.Empty();
  }),
};
