// What is under deploy/: as far as it can be checked without a container engine and a cluster.
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { Ajv } from "ajv";
import { DockerfileParser } from "dockerfile-ast";
import { validate } from "dockerfile-utils";
import { ClusterRoleBinding } from "kubernetes-models/rbac.authorization.k8s.io/v1/ClusterRoleBinding";
import { PersistentVolumeClaim } from "kubernetes-models/v1/PersistentVolumeClaim";
import { Pod } from "kubernetes-models/v1/Pod";
import { ServiceAccount } from "kubernetes-models/v1/ServiceAccount";
import { describe, expect, it } from "vitest";
import { parseAllDocuments } from "yaml";
import { settings } from "../../providers/clients/servers.ts";
import { root } from "../../toolchain/paths.ts";

const text = (file: string): string => readFileSync(join(root, "deploy", file), "utf8");

describe("the image", () => {
  const definition = DockerfileParser.parse(text("Containerfile"));

  it("is a definition without faults", () => {
    expect(validate(text("Containerfile")).map(({ message }) => message)).toEqual([]);
  });

  it("is of versions, runs as nobody special, and holds no secret", () => {
    const stages = definition.getFROMs();
    for (const from of stages)
      expect(from.getImageTag(), String(from.getImage())).toMatch(/^(24|1\.\d+)-bookworm(-slim)?$/);
    const users = definition.getInstructions().filter((one) => one.getKeyword() === "USER");
    expect(users.map((one) => one.getArgumentsContent())).toEqual(["1000:1000"]);
    const variables = definition.getENVs().flatMap((env) => env.getProperties().map((one) => one.getName()));
    expect(variables.filter((name) => /PASS|SECRET_|KEY|TOKEN/.test(name))).toEqual([]);
    expect(definition.getARGs()).toEqual([]);
    const ignored = text("Containerfile.dockerignore").split("\n");
    for (const path of [".secrets", ".local", ".git", "stacks/Pulumi.*.yaml"]) expect(ignored).toContain(path);
  });

  it("runs programs that are there", () => {
    const [entry] = definition.getENTRYPOINTs();
    const words = JSON.parse(entry?.getArgumentsContent() ?? "[]") as string[];
    expect(words.slice(1).filter((file) => !existsSync(join(root, file)))).toEqual([]);
    expect(text("Containerfile")).toContain("RUN node toolchain/run.mjs toolchain/install.ts --no-servers");
  });
});

// The fields of the operator's Stack that are used, as its reference describes them; the operator's own schema is not to be had here.
const reference = {
  type: "object",
  required: ["type"],
  additionalProperties: false,
  properties: {
    type: { enum: ["Literal", "Secret"] },
    literal: {
      type: "object",
      required: ["value"],
      additionalProperties: false,
      properties: { value: { type: "string" } },
    },
    secret: {
      type: "object",
      required: ["name", "key"],
      additionalProperties: false,
      properties: { name: { type: "string" }, key: { type: "string" } },
    },
  },
  oneOf: [
    { properties: { type: { const: "Literal" } }, required: ["literal"] },
    { properties: { type: { const: "Secret" } }, required: ["secret"] },
  ],
};
const stackSchema = {
  type: "object",
  required: ["stack", "projectRepo", "branch", "serviceAccountName"],
  additionalProperties: false,
  properties: {
    serviceAccountName: { type: "string" },
    projectRepo: { type: "string", pattern: "^https://" },
    branch: { type: "string" },
    stack: { type: "string" },
    backend: { type: "string" },
    destroyOnFinalize: { type: "boolean" },
    refresh: { type: "boolean" },
    resyncFrequencySeconds: { type: "integer", minimum: 60 },
    prerequisites: {
      type: "array",
      items: { type: "object", required: ["name"], properties: { name: { type: "string" } } },
    },
    envRefs: { type: "object", additionalProperties: reference },
    workspaceTemplate: {
      type: "object",
      additionalProperties: false,
      properties: {
        spec: {
          type: "object",
          additionalProperties: false,
          properties: {
            image: { type: "string", pattern: ":[0-9]+\\.[0-9]+\\.[0-9]+$" },
            securityProfile: { enum: ["baseline", "restricted"] },
            resources: { type: "object" },
            podTemplate: { type: "object" },
          },
        },
      },
    },
  },
};

interface StackSpec {
  readonly destroyOnFinalize: boolean;
  readonly serviceAccountName: string;
  readonly envRefs: Readonly<Record<string, { readonly type: string; readonly secret?: object }>>;
  readonly workspaceTemplate: {
    readonly spec: {
      readonly resources: object;
      readonly podTemplate: { readonly spec: { readonly containers: object[] } };
    };
  };
}

describe("the operator's objects", () => {
  const [account, binding, claim, stack] = parseAllDocuments(text("stack.yaml")).map(
    (document) => document.toJS() as { apiVersion: string; kind: string; spec: StackSpec },
  );
  const spec = stack?.spec as StackSpec;

  it("are what Kubernetes understands", () => {
    new ServiceAccount(account as never).validate();
    new ClusterRoleBinding(binding as never).validate();
    new PersistentVolumeClaim(claim as never).validate();
    const { podTemplate, resources } = spec.workspaceTemplate.spec;
    const containers = podTemplate.spec.containers.map((one) => ({ ...one, resources }));
    new Pod({ metadata: { name: "workspace" }, spec: { ...podTemplate.spec, containers } as never }).validate();
  });

  it("hold a stack as the operator's reference describes it", () => {
    const valid = new Ajv({ strict: false }).compile(stackSchema);
    expect(stack).toMatchObject({ apiVersion: "pulumi.com/v1", kind: "Stack" });
    valid(spec);
    expect(valid.errors).toBeNull();
    valid({ ...spec, envRefs: { PGPASSWORD: { type: "Secret", literal: { value: "word" } } } });
    expect(valid.errors).not.toBeNull();
    // An object that somebody deletes is no decision to delete data.
    expect(spec.destroyOnFinalize).toBe(false);
    expect(spec.serviceAccountName).toBe("tenants");
  });

  it("name every server, and every secret by reference", () => {
    const all: readonly { env: string; fallback?: string; optional?: true; secret?: true }[] = Object.values(settings);
    const needed = all.filter(({ fallback, optional }) => fallback === undefined && optional === undefined);
    expect(needed.filter(({ env }) => spec.envRefs[env] === undefined)).toEqual([]);
    const given = Object.entries(spec.envRefs).filter(([, { type }]) => type === "Literal");
    expect(given.filter(([name]) => /PASS|SECRET|KEY|USER|REDIS_URL/.test(name))).toEqual([]);
  });
});

describe("the tenants of the matrix", () => {
  const deal = (machines: string, tenants: readonly object[]): string =>
    execFileSync(process.execPath, [join(root, "deploy/deal.mjs"), machines], {
      input: JSON.stringify(tenants),
      encoding: "utf8",
      stdio: "pipe",
    });
  const tenants = ["a", "b", "c", "d", "e"].map((id) => ({ id, status: id === "d" ? "incomplete" : "active" }));

  it("are dealt over the machines, each once", () => {
    expect(deal("2", tenants)).toBe('shards=["a c","b e"]\n');
    expect(deal("20", tenants)).toBe('shards=["a","b","c","e"]\n');
    expect(deal("4", [])).toBe("shards=[]\n");
    expect(() => deal("0", tenants)).toThrow("must be from 1 to 20");
  });
});
